"""Errors, once: every exception that reaches the web becomes a page (or JSON below /api/) that says what to do."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Flask, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from zhiku.domain.base import DomainError
from zhiku.search.port import IndexProblem

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ErrorText:
    """What a reader sees: a short title and what to do."""

    title: str
    advice: str


ERROR_TEXTS: dict[int, ErrorText] = {
    400: ErrorText("这个请求看不懂", "地址或填写的内容不完整。请返回上一页检查后再试，或者从首页重新开始。"),
    401: ErrorText("请先登录", "这里的内容要登录以后才能看。请从首页登录，再打开这一页。"),
    403: ErrorText("没有权限看这一页", "请从首页重新进入；如果您应当能看到这一页，请联系县委老干部局。"),
    404: ErrorText("没有找到这一页", "地址可能写错了，或者这份内容已经不再公开。您可以重新搜索，或者从首页开始。"),
    405: ErrorText("不能这样打开这一页", "请从首页或者页面上的按钮进入。"),
    413: ErrorText("内容太长了", "一次提交的内容太多。请按返回键回到表单，把文字删短一些再提交。"),
    414: ErrorText("地址太长了", "查找的文字太多。请只保留最要紧的一两句话再查。"),
    429: ErrorText("尝试得太频繁了", "为了保护大家的信息，请过几分钟再试。着急的话请打电话问县委老干部局。"),
    500: ErrorText(
        "系统出了点问题", "不是您的操作有误，我们已经记录下来。请过一会儿再试；还不行，请联系县委老干部局。"
    ),
    503: ErrorText("搜索暂时用不了", "索引需要维护人员处理；提建议、查进度不受影响。"),
}

CSRF_TEXT = ErrorText(
    "这一页打开得太久了",
    "为了安全，没有收下这次提交。请按返回键回到刚才的页面（写好的文字还在），刷新一下再提交；也可以从首页重新进入。",
)


def install(app: Flask) -> None:
    """Register the handlers of every error."""
    app.register_error_handler(HTTPException, on_http_error)
    app.register_error_handler(CSRFError, on_csrf_error)
    app.register_error_handler(IndexProblem, on_index_problem)
    app.register_error_handler(DomainError, on_domain_error)


def on_http_error(error: HTTPException) -> ResponseReturnValue:
    """400, 404, 405, 413, 429, 500 and whatever else Werkzeug raises."""
    code = error.code or 500
    if error.response is not None or code < 400:
        # Redirects that are raised, such as a missing slash.
        return error.get_response()
    # A view may say it better than the table: `abort(404, "没有找到…")`; Werkzeug's own descriptions are English.
    told = error.description if error.description != type(error).description else None
    text = ERROR_TEXTS.get(code, ERROR_TEXTS[500 if code >= 500 else 400])
    if told and _is_chinese(told):
        # To a program that is all there is to say.
        text = ErrorText("" if _is_for_a_program() else text.title, told)
    # When to try again, which methods there are, what to sign in with.
    headers = {name: value for name, value in error.get_headers() if name not in ("Content-Type", "Content-Length")}
    return error_answer(code, text, headers=headers)


def on_csrf_error(error: CSRFError) -> ResponseReturnValue:
    """A form without its token, or with one of an ended session."""
    if isinstance(error.__context__, RequestEntityTooLarge):  # the token was not read, for the body was not
        return error_answer(413, ERROR_TEXTS[413])
    return error_answer(403, CSRF_TEXT)


def on_index_problem(error: IndexProblem) -> ResponseReturnValue:
    """The search cannot answer; its message ends with the command that mends it."""
    log.error("index problem: %s", error)
    return error_answer(503, ERROR_TEXTS[503], detail=str(error))


def on_domain_error(error: DomainError) -> ResponseReturnValue:
    """Something the domain refuses, in its own Chinese sentence."""
    return error_answer(400, ErrorText("这一步没有完成", str(error)))


def error_answer(
    code: int, text: ErrorText, detail: str = "", headers: Mapping[str, str] | None = None
) -> ResponseReturnValue:
    """The error in the form in which it was asked for."""
    headers = dict(headers or {})
    if _is_for_a_program():
        message = "：".join(part for part in (text.title, detail or text.advice) if part)
        if code == 401:
            headers.setdefault("WWW-Authenticate", "Bearer")
        return jsonify({"error": {"status": code, "message": message}}), code, headers
    return render_template("errors/error.html", code=code, text=text, detail=detail), code, headers


def _is_for_a_program() -> bool:
    return request.path.startswith("/api/") and request.endpoint != "api.docs"


def _is_chinese(text: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in text)
