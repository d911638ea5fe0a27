"""What the API answers, as types.

web/openapi.py makes the description of the API from them, and mypy holds what is answered to them. The text beside a
field is what the description says of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypedDict

#: Of a piece of evidence.
Kind = Literal["profile", "suggestion", "service"]
#: The parameters that filter.
FacetName = Literal["field", "township", "unit", "title", "availability"]


@dataclass(frozen=True, slots=True)
class Says:
    """What the description says of a field: in Chinese, and the format of a text ("date")."""

    text: str
    format: str = ""


class Choice(TypedDict):
    """A value with the word that pages show for it."""

    value: Annotated[str, Says("程序用的值")]
    label: Annotated[str, Says("给人看的名称")]


class Fragment(TypedDict):
    """A piece of a sentence."""

    text: Annotated[str, Says("文字")]
    is_match: Annotated[bool, Says("这一段是不是与问题相符的字")]


class Links(TypedDict):
    """Addresses of the pages of a list, below the host."""

    self: Annotated[str, Says("这一页")]
    first: Annotated[str, Says("第一页")]
    previous: Annotated[str | None, Says("上一页；没有时为 null")]
    next: Annotated[str | None, Says("下一页；没有时为 null")]
    last: Annotated[str, Says("最后一页")]


class EvidenceAnswer(TypedDict):
    """A sentence that speaks for a person."""

    text: Annotated[str, Says("整句")]
    fragments: Annotated[list[Fragment], Says("同一句，按是否相符分段")]
    kind: Annotated[Kind, Says("来自档案、建议或服务记录")]
    source: Annotated[str, Says("出处，例如：档案·简介")]
    date: Annotated[str | None, Says("日期", "date")]
    suggestion_number: Annotated[str | None, Says("出自公开建议时的编号")]
    is_near_in_meaning: Annotated[bool, Says("只是意思相近，没有相符的字")]


class WordFound(TypedDict):
    """A word of the query that a person has."""

    word: Annotated[str, Says("问题里的词")]
    by: Annotated[Literal["word", "synonym", "parts", "name"], Says("一样的词、同义词、字分开出现，或者是姓名")]
    synonym: Annotated[str | None, Says("档案里的另一种说法")]
    parts: Annotated[list[str], Says("出现在哪些栏目")]


class VoteAnswer(TypedDict):
    """A document that speaks for a person."""

    kind: Annotated[str, Says("档案、建议或服务记录")]
    title: Annotated[str, Says("名称")]
    date: Annotated[str | None, Says("日期", "date")]
    points: Annotated[float, Says("得分")]
    share: Annotated[float, Says("占总分的比例，0 到 1")]


class WhyAnswer(TypedDict):
    """Why a person is in the answer."""

    words: Annotated[list[WordFound], Says("相符的词")]
    is_named: Annotated[bool, Says("是不是按姓名找到的")]
    is_near_in_meaning: Annotated[bool, Says("资料里有没有意思相近的句子")]
    votes: Annotated[list[VoteAnswer], Says("哪些资料支持，分量大的在前")]
    further_documents: Annotated[int, Says("其余资料的份数")]
    further_share: Annotated[float, Says("其余资料的分量，0 到 1")]


class PersonAnswer(TypedDict):
    """One person of a search."""

    id: Annotated[int, Says("编号，用于 /api/v1/experts/{expert_id}")]
    name: Annotated[str, Says("姓名")]
    former_unit: Annotated[str, Says("原工作单位")]
    last_post: Annotated[str, Says("退休前职务")]
    professional_title: Annotated[str, Says("职称")]
    township: Annotated[str, Says("所在乡镇")]
    fields: Annotated[list[str], Says("专长领域，主要的在前")]
    availability: Annotated[Choice, Says("联系状态")]
    ways_of_helping: Annotated[list[str], Says("愿意提供的帮助")]
    score: Annotated[float, Says("得分；只在同一次查询里可以比较")]
    words_found: Annotated[list[str], Says("资料里有的词")]
    words_missing: Annotated[list[str], Says("资料里没有的词")]
    is_near: Annotated[bool, Says("没有这些词，只是字词或意思相近")]
    is_near_in_meaning: Annotated[bool, Says("资料里有意思相近的句子")]
    evidence: Annotated[list[EvidenceAnswer], Says("依据")]
    why: Annotated[WhyAnswer, Says("为什么推荐")]
    page: Annotated[str, Says("网页地址，要登录才能看")]


class FacetValueAnswer(TypedDict):
    """A value of a facet."""

    value: Annotated[str, Says("筛选时用的值")]
    label: Annotated[str, Says("给人看的名称")]
    count: Annotated[int, Says("人数")]
    is_selected: Annotated[bool, Says("是否已经按它筛选")]


class FacetAnswer(TypedDict):
    """Values of one filter with their counts."""

    name: Annotated[FacetName, Says("参数名")]
    label: Annotated[str, Says("给人看的名称")]
    values: Annotated[list[FacetValueAnswer], Says("各个值")]


class SubfieldAnswer(TypedDict):
    """A subfield with its count."""

    name: Annotated[str, Says("名称")]
    count: Annotated[int, Says("人数")]


class FieldAnswer(TypedDict):
    """A main field with its subfields."""

    name: Annotated[str, Says("名称")]
    count: Annotated[int, Says("人数")]
    subfields: Annotated[list[SubfieldAnswer], Says("下级领域")]


class ExpertsAnswer(TypedDict):
    """People for a query."""

    query: Annotated[str, Says("看到的问题")]
    filters: Annotated[dict[str, list[str]], Says("起作用的筛选条件")]
    step: Annotated[
        Literal["browse", "name", "all_words", "any_word", "synonym", "meaning", "near", "nearest_field", "nothing"],
        Says("是哪一步找到的：浏览、姓名、全部词、部分词、同义词、意思相近、字词相近、最近的领域、没有"),
    ]
    sentence: Annotated[str, Says("用一句话说明是怎么找到的，可以直接给人看")]
    notes: Annotated[list[str], Says("提示，例如问题太长、只看了前面")]
    did_you_mean: Annotated[str | None, Says("可能写错时，改正的写法")]
    answered_as: Annotated[str | None, Says("谁也没找到时，实际按这个写法查的")]
    by: Annotated[Literal["auto", "name", "topic", "both"], Says("当作姓名、专长，还是两者")]
    total_by_name: Annotated[int | None, Says("按姓名的人数")]
    total_by_topic: Annotated[int | None, Says("按专长的人数")]
    phrases: Annotated[list[str], Says("要求一字不差的部分")]
    excluded: Annotated[list[str], Says("不要的词")]
    is_problem: Annotated[bool, Says("是不是一段情况")]
    keywords: Annotated[list[str], Says("从一段情况里取出的关键词")]
    total: Annotated[int, Says("符合任何一个词的人数")]
    total_all_words: Annotated[int, Says("符合全部词的人数")]
    page: Annotated[int, Says("第几页，从 1 起")]
    pages: Annotated[int, Says("共几页")]
    people: Annotated[list[PersonAnswer], Says("这一页的人，最相关的在前")]
    facets: Annotated[list[FacetAnswer], Says("可以继续筛选的条件")]
    fields: Annotated[list[FieldAnswer], Says("没有直接找到时，供浏览的领域")]
    links: Annotated[Links, Says("翻页地址")]


class CareerAnswer(TypedDict):
    """One station of a career."""

    began: Annotated[str, Says("起，例如 1975.03；不详时为空")]
    ended: Annotated[str, Says("止")]
    description: Annotated[str, Says("单位和职务")]


class HonourAnswer(TypedDict):
    """An award."""

    year: Annotated[int | None, Says("年份")]
    title: Annotated[str, Says("名称")]


class ServiceAnswer(TypedDict):
    """A finished engagement."""

    served_on: Annotated[str, Says("日期", "date")]
    way: Annotated[Choice, Says("方式")]
    requested_by: Annotated[str, Says("邀请方")]
    subject: Annotated[str, Says("事由")]
    account: Annotated[str, Says("经过和结果")]


class OwnSuggestionAnswer(TypedDict):
    """A suggestion of a person."""

    number: Annotated[str, Says("编号")]
    subject: Annotated[str, Says("事由")]
    status: Annotated[Choice, Says("状态")]
    submitted_on: Annotated[str, Says("提交日期", "date")]


class ExpertAnswer(TypedDict):
    """One person's public profile. Contact data, birth and whatever is sensitive are not in the API."""

    id: Annotated[int, Says("编号")]
    name: Annotated[str, Says("姓名")]
    former_unit: Annotated[str, Says("原工作单位")]
    last_post: Annotated[str, Says("退休前职务")]
    professional_title: Annotated[str, Says("职称")]
    township: Annotated[str, Says("所在乡镇")]
    division_code: Annotated[str, Says("区划代码（GB/T 2260）")]
    fields: Annotated[list[str], Says("专长领域，主要的在前")]
    keywords: Annotated[list[str], Says("擅长")]
    summary: Annotated[str, Says("简介")]
    availability: Annotated[Choice, Says("联系状态")]
    ways_of_helping: Annotated[list[str], Says("愿意提供的帮助")]
    liaison: Annotated[str, Says("联络员姓名；邀请请通过联络员或老干部局")]
    career: Annotated[list[CareerAnswer], Says("履历")]
    honours: Annotated[list[HonourAnswer], Says("荣誉")]
    services: Annotated[list[ServiceAnswer], Says("服务记录，新的在前")]
    suggestions: Annotated[list[OwnSuggestionAnswer], Says("提出的建议，新的在前")]
    updated_on: Annotated[str, Says("档案更新日期", "date")]
    page: Annotated[str, Says("网页地址，要登录才能看")]


class SuggestionFoundAnswer(TypedDict):
    """One suggestion of a search."""

    number: Annotated[str, Says("编号，用于 /api/v1/suggestions/{number}")]
    subject: Annotated[str, Says("事由")]
    authors: Annotated[list[str], Says("作者；没有公开档案的只写姓氏")]
    field: Annotated[str | None, Says("领域")]
    department: Annotated[str | None, Says("承办单位")]
    status: Annotated[Choice, Says("状态")]
    submitted_on: Annotated[str, Says("提交日期", "date")]
    snippets: Annotated[list[list[Fragment]], Says("相符的句子；没有问题时为空")]
    page: Annotated[str, Says("网页地址")]


class SuggestionsAnswer(TypedDict):
    """Suggestions for a query, or the newest ones."""

    query: Annotated[str, Says("看到的问题")]
    sentence: Annotated[str, Says("用一句话说明找到了多少，可以直接给人看")]
    total: Annotated[int, Says("件数")]
    page: Annotated[int, Says("第几页，从 1 起")]
    pages: Annotated[int, Says("共几页")]
    suggestions: Annotated[list[SuggestionFoundAnswer], Says("这一页的建议")]
    links: Annotated[Links, Says("翻页地址")]


class AuthorAnswer(TypedDict):
    """An author as everybody may see them."""

    name: Annotated[str, Says("姓名；没有公开档案的只写姓氏")]
    expert_id: Annotated[int | None, Says("有公开档案时的编号")]


class StepAnswer(TypedDict):
    """A step on a suggestion's way."""

    status: Annotated[Choice, Says("状态")]
    on: Annotated[str, Says("日期", "date")]


class SuggestionAnswer(TypedDict):
    """One suggestion."""

    number: Annotated[str, Says("编号")]
    subject: Annotated[str, Says("事由")]
    situation: Annotated[str, Says("情况")]
    proposal: Annotated[str, Says("建议")]
    authors: Annotated[list[AuthorAnswer], Says("作者")]
    field: Annotated[str | None, Says("领域")]
    department: Annotated[str | None, Says("承办单位")]
    status: Annotated[Choice, Says("状态")]
    submitted_on: Annotated[str, Says("提交日期", "date")]
    steps: Annotated[list[StepAnswer], Says("办理经过")]
    result: Annotated[Choice | None, Says("答复结果；还没有答复时为 null")]
    replied_on: Annotated[str | None, Says("答复日期", "date")]
    page: Annotated[str, Says("网页地址")]


class DepartmentAnswer(TypedDict):
    """A department that a suggestion may belong to."""

    id: Annotated[int, Says("编号")]
    name: Annotated[str, Says("名称")]
    share: Annotated[float, Says("可能性，0 到 1")]
    reasons: Annotated[list[str], Says("理由，强的在前")]


class DepartmentsAnswer(TypedDict):
    """The likeliest departments, the likeliest first."""

    number: Annotated[str | None, Says("建议编号；按一段文字问的为 null")]
    departments: Annotated[list[DepartmentAnswer], Says("最多三个，最可能的在前")]


class TextAsked(TypedDict, total=False):
    """A text that is to be passed on to a department."""

    subject: Annotated[str, Says("事由")]
    text: Annotated[str, Says("情况和建议")]


class ErrorDetail(TypedDict):
    """What went wrong."""

    status: Annotated[int, Says("HTTP 状态码")]
    message: Annotated[str, Says("中文说明：出了什么问题，该怎么办")]


class ErrorAnswer(TypedDict):
    """Every error of the API."""

    error: Annotated[ErrorDetail, Says("错误")]
