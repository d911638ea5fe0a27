"""The words of the audit: records, their parts and columns in Chinese, and values as an administrator reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Enum as EnumType

from zhiku.domain.accounts import Account, ApiToken, LiaisonAssignment, SignIn
from zhiku.domain.base import Base, LabelledEnum
from zhiku.domain.consents import Consent
from zhiku.domain.departments import Department
from zhiku.domain.divisions import Division
from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.experts import Expert, WayOfHelping
from zhiku.domain.lexicon import CountyWord, SynonymGroup
from zhiku.domain.on_behalf import ActOnBehalf
from zhiku.domain.permissions import Role
from zhiku.domain.suggestions import Suggestion, SuggestionStep

#: Kind of a record -> its Chinese word, for the filter and for records that are gone.
KINDS: Mapping[str, str] = {
    "expert": "专家档案",
    "suggestion": "建议",
    "service": "服务记录",
    "account": "账号",
    "api_token": "接口令牌",
    "entry_code": "进门码",
    "liaison_assignment": "联络员分工",
    "act_on_behalf": "代办记录",
    "department": "部门",
    "division": "区划",
    "field": "领域",
    "synonym_group": "同义词",
    "county_word": "词语",
    "import": "导入",
    "table": "导出的表格",
    "audit": "审计记录",
    "page": "没有权限的页面",
    "data_key": "敏感资料的密钥",
}

#: Kind -> the models whose columns its events speak of; an enum's values are read from them.
_MODELS: Mapping[str, tuple[type[Base], ...]] = {
    "expert": (Expert, Consent),
    "suggestion": (Suggestion, SuggestionStep),
    "service": (ServiceRecord,),
    "account": (Account, SignIn),
    "api_token": (ApiToken,),
    "liaison_assignment": (LiaisonAssignment,),
    "act_on_behalf": (ActOnBehalf,),
    "department": (Department,),
    "division": (Division,),
    "field": (FieldOfExpertise,),
    "synonym_group": (SynonymGroup,),
    "county_word": (CountyWord,),
}

#: Tables of a record's parts.
PARTS: Mapping[str, str] = {
    "expert_fields": "领域",
    "career_entries": "履历",
    "honours": "荣誉",
    "consents": "本人同意",
    "expert_photos": "照片",
    "contact_details": "联系方式",
    "identity_numbers": "身份证号",
    "health_notes": "健康情况",
    "hardship_notes": "困难情况",
    "suggestion_authors": "作者",
    "suggestion_steps": "办理进度",
    "synonym_members": "说法",
    "entry_codes": "进门码",
    "recovery_codes": "备用码",
}

#: Columns, and what else events say.
COLUMNS: Mapping[str, str] = {
    "about": "涉及的记录",
    "access_code_hash": "查询码",
    "account": "经过",
    "account_id": "账号",
    "acted_at": "代办时间",
    "action": "操作",
    "added_by": "谁加的",
    "availability": "联系状态",
    "began": "起",
    "began_at": "开始时间",
    "birth_date": "出生日期",
    "birth_precision": "出生日期写到",
    "changed": "更新",
    "changed_at": "修改时间",
    "channel": "方式",
    "check": "核对值",
    "code": "代码",
    "code_hash": "进门码",
    "confirmed_at": "本人确认时间",
    "is_by_own_code": "确认所用的进入码由同一位联络员开出",
    "created_at": "登记时间",
    "created_by_id": "谁发的",
    "damaged": "打不开的内容",
    "department_id": "部门",
    "description": "内容",
    "device": "设备",
    "division_code": "乡镇、区划",
    "division_prefix": "管辖范围",
    "duties": "职责",
    "ended": "止",
    "ended_at": "结束时间",
    "entry_code": "进门码",
    "events": "条数",
    "everyday_words": "平常的说法",
    "expert_id": "老同志",
    "expires_at": "到期时间",
    "failures": "密码错误次数",
    "field_id": "领域",
    "file": "文件",
    "filter": "条件",
    "first_id": "第一条",
    "form": "形式",
    "format": "格式",
    "former_unit": "原单位",
    "granted_on": "同意日期",
    "group_id": "同义词",
    "hint": "令牌开头",
    "id": "编号",
    "is_active": "是否启用",
    "is_confirmed": "本人已确认",
    "is_objected": "本人有异议",
    "issued_at": "发放时间",
    "issued_by_id": "谁发的",
    "key": "记录编号",
    "keywords": "专长",
    "kind": "方式",
    "large": "大图",
    "last_id": "最后一条",
    "last_post": "原职务",
    "lead_department_id": "承办部门",
    "level": "级别",
    "liaison_name": "联络员",
    "mark": "图片标记",
    "merged": "并入",
    "must_change_password": "下次登录要改密码",
    "name": "姓名、名称",
    "new": "新增",
    "normal": "规范写法",
    "note": "备注",
    "number": "编号",
    "objected_at": "本人提出异议时间",
    "objection": "异议",
    "on": "日期",
    "on_behalf": "代谁办理",
    "parent_code": "上级区划",
    "parent_id": "上级领域",
    "password_hash": "密码",
    "password_set_at": "设置密码的时间",
    "permissions": "权限",
    "position": "次序",
    "professional_title": "职称",
    "proposal": "建议",
    "purpose": "用途",
    "reason": "原因",
    "recorded_by": "登记人",
    "recovery_codes": "备用码",
    "refused": "未导入",
    "replied_on": "答复日期",
    "requested_by": "请求单位",
    "result_class": "办理结果",
    "reveal": "查看",
    "revoked_at": "收回时间",
    "role": "角色",
    "rows": "行数",
    "serial": "序号",
    "served_on": "服务日期",
    "settled_at": "处理时间",
    "settled_by": "处理人",
    "settlement": "处理结果",
    "sex": "性别",
    "short_name": "简称",
    "sign_in_name": "登录名",
    "since": "从",
    "situation": "情况",
    "small": "小图",
    "spent_at": "使用时间",
    "spent_by": "使用的设备",
    "status": "状态",
    "subject": "事由",
    "subject_id": "记录编号",
    "subject_kind": "记录种类",
    "submission_key": "防重复提交标记",
    "submitted_on": "提交日期",
    "suggestion_id": "建议",
    "suggestions_erased": "删除的建议",
    "suggestions_kept": "保留的建议",
    "summary": "简介",
    "text": "说法",
    "title": "名称",
    "token_hash": "令牌",
    "totp_pending": "待确认的动态口令",
    "totp_secret": "动态口令",
    "unchanged": "无变化",
    "until": "截至",
    "used_at": "使用时间",
    "values": "重新加密的内容",
    "way": "服务方式",
    "ways_of_helping": "服务方式",
    "what": "事项",
    "who": "谁",
    "why": "原因",
    "withdrawn_on": "撤回日期",
    "word": "词语",
    "year": "年份",
}

#: Tables that are imported and exported.
TABLES: Mapping[str, str] = {
    "experts": "专家名册",
    "suggestions": "建议",
    "services": "服务记录",
    "departments": "部门名单",
}

#: Roles of actors that are no accounts.
_OTHER_ROLES: Mapping[str, str] = {"token": "接口令牌", "program": "程序", "public": "没有登录"}

#: Columns whose value is the id of another record.
REFERENCES: Mapping[str, str] = {
    "account_id": "account",
    "created_by_id": "account",
    "department_id": "department",
    "division_code": "division",
    "expert_id": "expert",
    "field_id": "field",
    "issued_by_id": "account",
    "lead_department_id": "department",
    "parent_code": "division",
    "parent_id": "field",
    "suggestion_id": "suggestion",
}

#: What is shown for a value that is never kept.
HIDDEN = "（内容不记录）"
_EMPTY = "（空）"


def _enums() -> dict[tuple[str, str], type[LabelledEnum]]:
    found: dict[tuple[str, str], type[LabelledEnum]] = {("expert", "ways_of_helping"): WayOfHelping}
    for kind, models in _MODELS.items():
        for model in models:
            for column in model.__table__.columns:
                enum = column.type.enum_class if isinstance(column.type, EnumType) else None
                if enum is not None and issubclass(enum, LabelledEnum):
                    found.setdefault((kind, column.key), enum)
    return found


_ENUMS = _enums()


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that an event says, for a table of what, before and after."""

    what: str
    before: str
    after: str


def role_words(role: str) -> str:
    """The word for an actor's role."""
    return _OTHER_ROLES.get(role) or next((one.label for one in Role if one.value == role), role)


def column_words(name: str) -> str:
    """The word for a column, a part or a fact; its own name where there is none."""
    return COLUMNS.get(name) or PARTS.get(name) or name


class Values:
    """Puts values into words: enums by their labels, times in the county's zone, other records by their names."""

    def __init__(self, zone: ZoneInfo, names: Mapping[tuple[str, str], str]) -> None:
        """`names` has (kind, id) -> name of the records that events refer to."""
        self._zone = zone
        self._names = names

    def lines(self, kind: str, changes: Mapping[str, Any]) -> list[Line]:
        """What an event of this kind of record says, in the order of its words."""
        found: list[Line] = []
        for name, value in changes.items():
            if name == "":
                continue
            what = column_words(name)
            if isinstance(value, dict):
                found.extend(self._part(kind, name, value))
            elif isinstance(value, list) and len(value) == 2:
                found.append(Line(what, *(self.text(kind, name, one) for one in value)))
            elif value is None:
                found.append(Line(what, HIDDEN, HIDDEN))
            else:
                found.append(Line(what, "", self.text(kind, name, value)))
        return sorted(found, key=lambda line: line.what)

    def _part(self, kind: str, name: str, part: Mapping[str, Any]) -> list[Line]:
        what = PARTS.get(name)
        if what is None:
            # Facts with facts of their own, such as the filter of an export.
            return [Line(column_words(key), "", self.text(kind, key, value)) for key, value in part.items()]
        found: list[Line] = []
        for values in _list(part.get("removed")):
            found.append(Line(what, self._together(kind, values) or HIDDEN, "（已删去）"))
        for changes in _list(part.get("changed")):
            for line in self.lines(kind, changes if isinstance(changes, dict) else {}):
                found.append(Line(f"{what}：{line.what}", line.before, line.after))
        if part.get("added"):
            found.append(Line(what, "", f"新增 {part['added']} 条"))
        return found

    def _together(self, kind: str, values: Any) -> str:
        if not isinstance(values, dict):
            return str(values)
        return "，".join(f"{column_words(name)}：{self.text(kind, name, value)}" for name, value in values.items())

    def text(self, kind: str, name: str, value: Any) -> str:
        """One value."""
        if value is None or value == "" or value == []:
            return _EMPTY
        if isinstance(value, bool):
            return "是" if value else "否"
        if isinstance(value, list):
            return "、".join(self.text(kind, name, one) for one in value)
        if isinstance(value, dict):
            return self._together(kind, value)
        text = str(value)
        enum = _ENUMS.get((kind, name))
        if enum is not None:
            return next((member.label for member in enum if member.value == text), text)
        if name in REFERENCES:
            return self._names.get((REFERENCES[name], text)) or text
        if name.endswith("_at"):
            return local_time(text, self._zone)
        return text


def local_time(text: str, zone: ZoneInfo) -> str:
    """A time that was noted, in the county's zone; the text itself where it is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return time_words(at, zone) if at.tzinfo else text


def time_words(at: datetime, zone: ZoneInfo) -> str:
    """2026年11月23日 10:05:07."""
    local = at.astimezone(zone)
    return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M:%S}"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
