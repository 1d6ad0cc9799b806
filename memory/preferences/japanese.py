"""Rules for statements in Japanese."""

from __future__ import annotations

import re
from typing import Final

from memory.preferences.preference import Language, Preference, each, fixed, gone, named, plain, rules_of, unless
from memory.preferences.words import LANGUAGE, LANGUAGES

_DAYS: Final = {
    "月曜日": "monday", "火曜日": "tuesday", "水曜日": "wednesday", "木曜日": "thursday", "金曜日": "friday",
    "土曜日": "saturday", "日曜日": "sunday",
}  # fmt: skip
_DIETS: Final = {
    "ベジタリアン": "vegetarian", "菜食主義者": "vegetarian", "ヴィーガン": "vegan", "ビーガン": "vegan",
    "ペスカタリアン": "pescatarian", "ハラール": "halal", "グルテンフリー": "gluten-free",
}  # fmt: skip
_DIET: Final = "(" + "|".join(_DIETS) + ")"
_I: Final = r"(?:(?:私|僕|俺|わたし|ぼく)は、?)?"
_IS: Final = r"(?:です|だ|なんです|なのです)?(?:よ|ね)?"
_WORD: Final = r"([^\s、。をはがにでともの？]{1,12})"
_LIVES: Final = r"(?:住んでいます|住んでいる|住んでます|住んでる|暮らしています)"
_WORKS: Final = (
    r"(?:で働いています|で働いている|で働いてます|に勤めています|に勤めている|に勤務しています|に勤務している)"
)
_WHEN: Final = r"(?:今は?|現在は?|先月|先週|去年|昨日|最近)?、?"
_ASK: Final = r"(?:答えて|返事して|返信して|話して|回答して|書いて)(?:ください|下さい)?"
_EVER: Final = r"(?:いつも|これから(?:は)?|今後(?:は)?|常に|また)、?"
_REFUSED: Final = frozenset(
    {"家", "それ", "これ", "あれ", "ここ", "そこ", "田舎", "実家", "都会", "タクシー", "後", "月曜日", "会議"}
)

JAPANESE: Final = Language(
    rules_of(
        "",
        (rf"(?:(?:私|僕|俺)の)?名前は{_WORD}{_IS}", unless(_REFUSED, plain("preferred_name"))),
        (rf"{_I}{_WORD}(?:と呼んで|って呼んで)(?:ください|下さい|ね)?", unless(_REFUSED, plain("preferred_name"))),
        (
            rf"{_I}{_WORD}(?:といいます|と言います|と申します)",
            unless({*_REFUSED, "何", "そう"}, plain("preferred_name")),
        ),
        (rf"{_EVER}{LANGUAGE}で{_ASK}", named("language", LANGUAGES)),
        (rf"{_I}{_WHEN}{_WORD}に{_LIVES}", unless(_REFUSED, plain("home"))),
        (rf"{_I}{_WHEN}{_WORD}在住{_IS}", unless(_REFUSED, plain("home"))),
        (rf"{_I}{_WHEN}{_WORD}に引っ越し(?:ました|た)", unless(_REFUSED, plain("home"))),
        (rf"{_I}もう{_WORD}に(?:は)?住んで(?:いません|いない|ません|ない)", gone("home")),
        (rf"{_I}{_WHEN}{_WORD}{_WORKS}", unless(_REFUSED, plain("employer"))),
        (rf"{_I}もう{_WORD}で(?:は)?働いて(?:いません|いない|ません|ない)", gone("employer")),
        (
            rf"{_I}{_WHEN}{_WORD}を(?:退職しました|退職した|辞めました|辞めた)",
            unless(
                {*_REFUSED, "仕事", "会社", "タバコ", "酒", "お酒", "たばこ", "大学", "学校", "部活", "ゲーム"},
                gone("employer"),
            ),
        ),
        (rf"(?:(?:私|僕)の)?誕生日は(\d{{1,2}}月\d{{1,2}}日){_IS}", plain("birthday")),
        (rf"{_I}{_DIET}{_IS}", named("diet", _DIETS)),
        (rf"{_I}{_WORD}アレルギー(?:があります|がある|を持っています|{_IS})", each("allergy", "", {*_REFUSED, "何"})),
        (rf"{_I}{_WORD}にアレルギーがあ(?:ります|る)", each("allergy", "", {*_REFUSED, "何"})),
        (r"(?:(?:私|僕)の)?タイムゾーンは([A-Za-z/_+:0-9-]{2,40}?)" + _IS, plain("time_zone")),
        (rf"(?:答え|回答|返事)は{_EVER}(?:短く|簡潔に)(?:して)?(?:ください|下さい)?", fixed("answer_length", "short")),
        (rf"{_I}もう{_WORD}アレルギーでは(?:ありません|ない)", each("allergy", "", taken_back=True)),
        (rf"{_I}{_WORD}(?:は|を)(?:食べません|食べない|飲みません|飲まない)", each("avoids", "", _REFUSED)),
        (rf"{_I}{_WORD}が(?:大)?好き{_IS}", each("likes", "", _REFUSED)),
        (rf"{_I}{_WORD}が(?:大)?嫌い{_IS}", each("dislikes", "", _REFUSED)),
        (rf"好きな{_WORD}は{_WORD}{_IS}", lambda match: [Preference(f"favourite_{match[1]}", match[2])]),
        (rf"{_EVER}(?:短く|簡潔に){_ASK}", fixed("answer_length", "short")),
        (rf"{_EVER}敬語で{_ASK}", fixed("tone", "formal")),
        (rf"{_EVER}(?:タメ口|ため口)で{_ASK}", fixed("tone", "informal")),
        (
            r"(?:私の)?(?:一)?週(?:間)?は(" + "|".join(_DAYS) + r")(?:から)?(?:始まります|始まる|に始まります)",
            named("week_start", _DAYS),
        ),
    ),
    opening=re.compile(r"^(?:(?:はい|こんにちは|ちなみに|すみません|覚えておいて(?:ください)?)[、,:：\s]*)*"),
    joint=re.compile(r"、(?=私|僕)"),
)
