"""The description of the API (OpenAPI 3.1), made from its views: what they declare, and the types of their answers.

A view of the API says by `@describes` what it is for, what it is asked and what it answers; its permission is what
web/access.py holds it to. Nothing is written down twice, so the description cannot say anything else than the code.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints, is_typeddict

from flask import Flask
from werkzeug.routing import Rule

from zhiku.domain.permissions import FOR_TOKENS
from zhiku.web import access
from zhiku.web.api_answers import ErrorAnswer, Says

View = TypeVar("View", bound=Callable[..., Any])

#: The API's blueprint, all of whose routes are in the description.
BLUEPRINT = "api"
VERSION = "1.0"

_DESCRIBED = "zhiku_described"
_METHODS = ("get", "post", "put", "patch", "delete")
_PLAIN: Mapping[object, Mapping[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
}

#: What every operation may answer beside its own errors.
_ERRORS = {
    400: "请求里有看不懂的内容；message 说明是哪一个参数，该怎么写。",
    401: "没有令牌，或者令牌写错了、已经收回、已经到期。",
    404: "没有这一项，或者不在令牌的权限和范围里（两种情况不作区分）。",
    429: "请求太频繁。过 Retry-After 秒再试。",
    500: "系统出了问题，已经记录。",
    503: "索引或数据库暂时用不了。",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query."""

    name: str
    says: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    #: Whether it may be given several times.
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class Described:
    """What a view says of itself."""

    summary: str
    answers: type
    parameters: Sequence[Parameter] = ()
    #: What the body of a POST is.
    asks: type | None = None
    #: Name -> (what it is, schema) of the parts of the path.
    path: Mapping[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)


class NotDescribed(RuntimeError):
    """A route of the API does not say what it is."""


def describes(
    summary: str,
    answers: type,
    parameters: Sequence[Parameter] = (),
    asks: type | None = None,
    path: Mapping[str, tuple[str, Mapping[str, Any]]] | None = None,
) -> Callable[[View], View]:
    """Say what a view of the API is for, what it is asked and what it answers."""

    def describe(view: View) -> View:
        setattr(view, _DESCRIBED, Described(summary, answers, parameters, asks, path or {}))
        return view

    return describe


def undescribed(view: View) -> View:
    """Say that a view is about the API and no operation of it: the description and its page."""
    setattr(view, _DESCRIBED, None)
    return view


def document(app: Flask, county: str, root: str = "") -> dict[str, Any]:
    """The description of an application's API; `root` is the sub-path below the host. Raises `NotDescribed`."""
    components: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    error = schema_of(ErrorAnswer, components)
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: ("GET" not in (rule.methods or ()), rule.rule)):
        described = _described(app, rule)
        if described is None:
            continue
        operations = paths.setdefault(_path_of(rule), {})
        for method in _METHODS:
            if method.upper() in (rule.methods or ()):
                operations[method] = _operation(app, rule, described, components, error)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{county}智库接口",
            "version": VERSION,
            "summary": "查专家、查建议、看建议宜交给哪些部门。",
            "description": "给县里其他系统用。每次请求都要带令牌，令牌由系统管理员发放，只能做它的权限和范围以内的事；"
            "联系方式、身份证号、健康和困难情况不在接口里。令牌的发放、收回和越权的请求都有审计记录。",
        },
        "servers": [{"url": root or "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "请求头 Authorization: Bearer zk_……，由系统管理员在“接口令牌”里发放。",
                }
            },
        },
    }


def schema_of(kind: Any, components: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a type; those of typed dictionaries go into `components` and are referred to."""
    if get_origin(kind) is Annotated:
        return _annotated(kind, components)
    if kind in _PLAIN:
        return dict(_PLAIN[kind])
    if is_typeddict(kind):
        return _of_dictionary(kind, components)
    arguments = get_args(kind)
    origin = get_origin(kind)
    if origin is list:
        return {"type": "array", "items": schema_of(arguments[0], components)}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(arguments[1], components)}
    if origin is Literal:
        return {"type": "string", "enum": list(arguments)}
    if origin in (Union, types.UnionType):
        schemas = [schema_of(one, components) for one in arguments]
        if all(set(one) == {"type"} for one in schemas):
            return {"type": [one["type"] for one in schemas]}
        return {"anyOf": schemas}
    raise TypeError(f"no JSON Schema for {kind!r}")


def _annotated(kind: Any, components: dict[str, Any]) -> dict[str, Any]:
    inner, says = get_args(kind)
    schema = schema_of(inner, components)
    if isinstance(says, Says):
        schema["description"] = says.text
        if says.format:
            schema["format"] = says.format
    return schema


def _of_dictionary(kind: Any, components: dict[str, Any]) -> dict[str, Any]:
    name = kind.__name__
    if name not in components:
        components[name] = {}
        fields = get_type_hints(kind, include_extras=True)
        components[name] = {
            "type": "object",
            "properties": {key: schema_of(value, components) for key, value in fields.items()},
            "additionalProperties": False,
        }
        if kind.__required_keys__:
            components[name]["required"] = [key for key in fields if key in kind.__required_keys__]
    return {"$ref": f"#/components/schemas/{name}"}


def _described(app: Flask, rule: Rule) -> Described | None:
    if rule.endpoint.split(".")[0] != BLUEPRINT:
        return None
    view = app.view_functions[rule.endpoint]
    if not hasattr(view, _DESCRIBED):
        raise NotDescribed(f"{rule.endpoint}: no @describes (zhiku/web/openapi.py)")
    described: Described | None = getattr(view, _DESCRIBED)
    return described


def _operation(
    app: Flask, rule: Rule, described: Described, components: dict[str, Any], error: dict[str, Any]
) -> dict[str, Any]:
    required = access.requirements(app)[rule.endpoint]
    operation: dict[str, Any] = {
        "operationId": rule.endpoint.split(".")[-1],
        "summary": described.summary,
        "description": f"要有权限：{required.label}（{required.value}）。" if required else "",
        "parameters": [*_in_path(described), *(_in_query(one) for one in described.parameters)],
        "responses": {
            "200": {"description": "成功", "content": _json(schema_of(described.answers, components))},
            **{str(code): _error(code, error) for code in sorted(_ERRORS)},
        },
    }
    if required in FOR_TOKENS and required is not None:
        operation["security"] = [{"token": [required.value]}]
    if described.asks is not None:
        schema = schema_of(described.asks, components)
        operation["requestBody"] = {"required": True, "content": _json(schema)}
        operation["responses"]["413"] = {"description": "请求太长。", "content": _json(error)}
    return operation


def _in_path(described: Described) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "description": says, "schema": dict(schema)}
        for name, (says, schema) in described.path.items()
    ]


def _in_query(parameter: Parameter) -> dict[str, Any]:
    schema = dict(parameter.schema)
    described: dict[str, Any] = {"name": parameter.name, "in": "query", "description": parameter.says, "schema": schema}
    if parameter.is_repeated:
        described["schema"] = {"type": "array", "items": schema}
        described |= {"style": "form", "explode": True}
    return described


def _error(code: int, error: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": _ERRORS[code], "content": _json(error)}
    if code == 429:
        answer["headers"] = {"Retry-After": {"description": "秒数", "schema": {"type": "integer"}}}
    if code == 401:
        answer["headers"] = {"WWW-Authenticate": {"description": "Bearer", "schema": {"type": "string"}}}
    return answer


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _path_of(rule: Rule) -> str:
    return re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule)
