"""The bureau's lexicon: queries without an answer beside the groups of synonyms, and the county's own words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError

from zhiku.domain.lexicon import MAX_TEXT, EntryNotAcceptable, LexiconFull, member_problem
from zhiku.domain.permissions import Permission
from zhiku.services.lexicon import (
    Group,
    GroupChanged,
    GroupGone,
    LexiconBusy,
    same_as_shipped,
    split_members,
)
from zhiku.services.lexicon_hints import Hint
from zhiku.web import errors
from zhiku.web.access import permission, scope, signed_in
from zhiku.web.current import current_zhiku
from zhiku.web.lexicon_forms import DeedForm, GroupForm, WordsForm, number_of
from zhiku.web.paging import PageLinks, page_links

blueprint = Blueprint("lexicon", __name__, url_prefix="/bureau/lexicon")

#: Refused words that the page names.
REFUSED_SHOWN = 10


@blueprint.get("")
@permission(Permission.MAINTAIN_LEXICON)
def overview() -> ResponseReturnValue:
    """All of it on one page."""
    return show_overview(WordsForm(formdata=None))


@blueprint.route("/groups/new", methods=["GET", "POST"])
@permission(Permission.MAINTAIN_LEXICON)
def new_group() -> ResponseReturnValue:
    """A new group, from scratch or for a query without an answer."""
    form = GroupForm()
    if request.method == "GET":
        asked = current_zhiku().unanswered.get(scope(), number_of(request.args.get("unanswered")))
        if asked is not None:
            form.unanswered.data, form.said.data = str(asked.id), asked.text
        return show_group(form)
    lexicon = current_zhiku().lexicon
    members = form.all_members()
    how = request.form.get("how", "")
    overlapping = lexicon.groups_with(members)
    is_shipped = len(set(members)) > 1 and same_as_shipped(members)
    try:
        if not how and (overlapping or is_shipped):
            return show_group(form, overlapping=overlapping, is_shipped=is_shipped), 409
        if joined := number_of(how.removeprefix("join-")):
            group = lexicon.join_group(joined, members, signed_in().name)
        else:
            group = lexicon.add_group(members, form.note.data or "", signed_in().name)
    except GroupGone:
        return show_group(form, "要并入的那一组刚才被删除了，请再保存一次。"), 409
    except (EntryNotAcceptable, LexiconFull, GroupChanged) as refused:
        return show_group(form, str(refused)), 422
    except LexiconBusy as busy:
        return show_group(form, str(busy)), 503
    if form.unanswered_id:
        current_zhiku().unanswered.resolve(scope(), form.unanswered_id, group.id)
    say_saved(group, (form.said.data or "").strip())
    return redirect(url_for(".overview"), code=303)


@blueprint.route("/groups/<int:group_id>", methods=["GET", "POST"])
@permission(Permission.MAINTAIN_LEXICON)
def edit_group(group_id: int) -> ResponseReturnValue:
    """Change the members or the note of a group."""
    form = GroupForm()
    lexicon = current_zhiku().lexicon
    try:
        stored = lexicon.group(group_id)
        if request.method == "GET":
            form.members.data = "\n".join(stored.members)
            form.note.data, form.version.data = stored.note, str(stored.version)
            return show_group(form, group=stored)
        saved = lexicon.change_group(
            group_id, form.all_members(), form.note.data or "", signed_in().name, number_of(form.version.data)
        )
    except GroupGone:
        abort(404, "这一组已经被删除。请回到同义词列表。")
    except GroupChanged as changed:
        # What was typed stays; the next try is against the version that is shown beside it now.
        form.version.data = str(stored.version)
        return show_group(form, f"{changed} 现在是：{stored.text}。", group=stored), 409
    except EntryNotAcceptable as refused:
        return show_group(form, str(refused), group=stored), 422
    except LexiconBusy as busy:
        return show_group(form, str(busy), group=stored), 503
    say_saved(saved)
    return redirect(url_for(".overview"), code=303)


@blueprint.route("/groups/<int:group_id>/delete", methods=["GET", "POST"])
@permission(Permission.MAINTAIN_LEXICON)
def delete_group(group_id: int) -> ResponseReturnValue:
    """Ask once more, then delete a group; the notice that follows can bring it back."""
    lexicon = current_zhiku().lexicon
    try:
        if request.method == "GET":
            group = lexicon.group(group_id)
            return render_template("lexicon/delete.html", form=DeedForm(), group=group, word="", back="#groups")
        gone = lexicon.delete_group(group_id)
    except GroupGone:
        abort(404, "这一组已经被删除。请回到同义词列表。")
    say({"text": f"已删除同义词：{gone.text}。立即生效。", "members": gone.text, "note": gone.note})
    return redirect(url_for(".overview"), code=303)


@blueprint.post("/unanswered/<int:query_id>/dismiss")
@permission(Permission.MAINTAIN_LEXICON)
def dismiss(query_id: int) -> ResponseReturnValue:
    """Take a query off the list; it can be put back."""
    current_zhiku().unanswered.resolve(scope(), query_id)
    say({"text": "已经从待办里拿掉，可以在“已处理”里放回。"})
    return redirect(url_for(".overview", page=number_of(request.form.get("page")) or None), code=303)


@blueprint.post("/unanswered/<int:query_id>/reopen")
@permission(Permission.MAINTAIN_LEXICON)
def reopen(query_id: int) -> ResponseReturnValue:
    """Put a query back on the list."""
    current_zhiku().unanswered.reopen(scope(), query_id)
    say({"text": "已经放回待办。"})
    return redirect(url_for(".overview"), code=303)


@blueprint.post("/words")
@permission(Permission.MAINTAIN_LEXICON)
def add_words() -> ResponseReturnValue:
    """Add words for the segmenter."""
    form = WordsForm()
    given = split_members(form.words.data or "")
    if not given:
        return show_overview(form, "请写要加的词语，一行一个。"), 422
    try:
        report = current_zhiku().lexicon.add_words(given, signed_in().name)
    except LexiconFull as full:
        return show_overview(form, str(full)), 422
    except LexiconBusy as busy:
        return show_overview(form, str(busy)), 503
    said = [f"加了 {len(report.added)} 个词语：{'、'.join(report.added[:REFUSED_SHOWN])}。" if report.added else ""]
    said.append(f"{'、'.join(report.known[:REFUSED_SHOWN])}本来就有。" if report.known else "")
    if report.refused:
        # The good ones are stored; what is left in the field is what must be mended.
        form.words.data = "\n".join(word for word, _ in report.refused)
        reasons = "；".join(f"“{word}”{why}" for word, why in report.refused[:REFUSED_SHOWN])
        more = f"等 {len(report.refused)} 个" if len(report.refused) > REFUSED_SHOWN else ""
        return show_overview(form, f"{''.join(said)}没有加：{reasons}{more}。"), 422
    say({"text": "".join(said) + ("要在下次重建索引后才生效。" if report.added else "")})
    return redirect(url_for(".overview", _anchor="words"), code=303)


@blueprint.route("/words/<int:word_id>/delete", methods=["GET", "POST"])
@permission(Permission.MAINTAIN_LEXICON)
def delete_word(word_id: int) -> ResponseReturnValue:
    """Ask once more, then delete a word."""
    lexicon = current_zhiku().lexicon
    word = lexicon.word(word_id) if word_id < 2**31 else ""
    if not word:
        abort(404, "这个词语已经被删除。请回到词语列表。")
    if request.method == "GET":
        return render_template("lexicon/delete.html", form=DeedForm(), group=None, word=word, back="#words")
    lexicon.delete_words([word])
    say({"text": f"已删除词语“{word}”，要在下次重建索引后才生效。"})
    return redirect(url_for(".overview", _anchor="words"), code=303)


@blueprint.errorhandler(CSRFError)
def keep_what_was_typed(error: CSRFError) -> ResponseReturnValue:
    """The page was open longer than the session: show the form again with its text; nothing has been stored."""
    notice = "这一页打开得太久了，刚才没有保存。您写的内容都还在，请再按一次按钮。如果还是这样，请在浏览器设置里允许 Cookie。"
    if request.endpoint == "lexicon.new_group":
        return show_group(GroupForm(), notice), 403
    if request.endpoint == "lexicon.edit_group":
        try:
            stored = current_zhiku().lexicon.group((request.view_args or {})["group_id"])
        except GroupGone:
            return errors.on_csrf_error(error)
        return show_group(GroupForm(), notice, group=stored), 403
    if request.endpoint == "lexicon.add_words":
        return show_overview(WordsForm(), notice), 403
    return errors.on_csrf_error(error)


def show_overview(words_form: WordsForm, words_problem: str = "") -> str:
    """The page, with the form for words as it was typed."""
    zhiku = current_zhiku()
    is_done = request.args.get("show") == "done"
    query = request.args.get("q", "")[:MAX_TEXT]
    unanswered = zhiku.unanswered.page(scope(), number_of(request.args.get("page")), is_done)
    groups = zhiku.lexicon.groups(query, number_of(request.args.get("groups")))
    words = zhiku.lexicon.words(query, number_of(request.args.get("words")))
    hints: Sequence[tuple[Hint, ...]] = (
        [] if is_done else zhiku.lexicon_hints.for_queries([one.text for one in unanswered.items])
    )

    def links(name: str, page: int, pages: int, anchor: str) -> PageLinks:
        kept = {key: value for key in ("show", "q", "page", "groups", "words") if (value := request.args.get(key))}

        def address(number: int) -> str:
            parameters: dict[str, Any] = {**kept, name: number, "_anchor": anchor}
            return url_for(".overview", **parameters)

        return page_links(page, pages, address)

    return render_template(
        "lexicon/overview.html",
        is_done=is_done,
        query=query,
        unanswered=unanswered,
        hints=list(hints) + [()] * (len(unanswered.items) - len(hints)),
        groups=groups,
        words=words,
        waiting=zhiku.lexicon.words_waiting(),
        words_form=words_form,
        words_problem=words_problem,
        unanswered_links=links("page", unanswered.page, unanswered.pages, "unanswered"),
        group_links=links("groups", groups.page, groups.pages, "groups"),
        word_links=links("words", words.page, words.pages, "words"),
        day_of=day_of,
        max_text=MAX_TEXT,
    )


def show_group(
    form: GroupForm,
    problem: str = "",
    group: Group | None = None,
    overlapping: Sequence[Group] = (),
    is_shipped: bool = False,
) -> str:
    """The form of one group, with hints where it is for a query."""
    said = form.said.data or ""
    hints = current_zhiku().lexicon_hints.for_queries([said])[0] if said else ()
    if not problem and request.method == "GET" and said and member_problem(said):
        problem = f"这句话有 {len(said)} 个字，请只留要紧的词，最多 {MAX_TEXT} 个字。"
    return render_template(
        "lexicon/group.html",
        form=form,
        problem=problem,
        group=group,
        hints=hints,
        chosen=form.chosen,
        overlapping=overlapping,
        is_shipped=is_shipped,
    )


def say(notice: dict[str, str]) -> None:
    """Keep a notice for the next page: "text", and what its buttons need."""
    # Flask keeps whatever JSON can carry, though its types speak of text.
    flash({"try": "", "members": "", "note": "", **notice}, "lexicon")  # type: ignore[arg-type]


def say_saved(group: Group, said: str = "") -> None:
    """The notice that a group is stored and acts, with a way to try it."""
    text = f"已保存，立即生效：{group.text}。"
    lexicon = current_zhiku().lexicon
    short = [member for member in group.members if len(member) <= 2 and not lexicon.is_known(member)]
    if short:
        text += f"“{'”“'.join(short)}”太短，词典里也没有，请同时加到下面的词语里，重建索引后找得更准。"
    say({"text": text, "try": said or group.members[0]})


def day_of(at: datetime) -> date:
    """The day in the county."""
    return at.astimezone(current_zhiku().settings.zone).date()
