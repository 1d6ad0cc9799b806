"""What a message asks of all of memory: to erase everything that is known about the person. Found by rules. Pure.

Erasing needs a second message that confirms it, so a rule may match a little too much: the person is only asked. But
"Delete everything" alone may be about tasks, so it does not match, in any language. "Forget everything" does.
"""

from __future__ import annotations

import re
from typing import Final

from memory.text import sentences_of

_LEAD: Final = (
    r"^\W*(?:(?:please|and|but|so|also|oh|hey|ok|okay|now|actually|yes|no|bitte|ja|nein|oui|non|sí|si|no"
    r"|s'il (?:te|vous) pla[iî]t|por favor|نعم|من فضلك|رجاء|はい|start (?:fresh|over|again))[\s,،、:]+)*"
)
_END: Final = (
    r"(?:[\s,]+(?:please|now|completely|right now|for me|for good|forever|thanks|bitte|jetzt|endgültig"
    r"|s'il (?:te|vous) pla[iî]t|maintenant|por favor|ahora|من فضلك|الآن|again))*\s*[.!?。！？؟]*\s*$"
)
_KNOWN_EN: Final = (
    r"(?:that |which )?(?:you(?:'ve| have)?|i(?:'ve| have)?)(?: ever)?(?: got)? ?"
    r"(?:know|have|had|hold|keep|remember(?:ed)?|learn(?:ed|t)|stored?|saved?|said|told(?: you)?|recorded|collected)?"
)
_ME_EN: Final = r"(?:about|on|of|regarding) (?:me|myself)"
_EN: Final = (
    r"(?:(?:can|could|will|would) (?:you|i) (?:please )?|how (?:can|do) i "
    r"|i(?:'d like| want| would like)(?: you)? to )?"
    r"(?:please )?(?:forget (?:about )?(?:me|ev(?:ery|ry|er)thing)"
    r"|(?:forget|delete|erase|wipe|clear|remove|reset|destroy|purge|empty) "
    r"(?:(?:ev(?:ery|ry|er)thing|anything|all|(?:all )?(?:of )?(?:the |your |my )?"
    rf"(?:data|information|info|things|facts|memories))"
    rf" {_KNOWN_EN} {_ME_EN}"
    rf"|(?:what|everything|all) (?:that )?you (?:know|remember|have stored|have learned)(?: {_ME_EN})?"
    rf"|(?:everything|all|all (?:the )?(?:data|information|memories)) {_ME_EN}"
    r"|(?:all (?:of )?)?my (?:personal )?(?:data|information|info)(?= from (?:your |the )?memory)"
    r"|(?:all (?:of )?)?(?:my|your|the)(?: (?:whole|entire|complete))? memor(?:y|ies)(?: (?:of|about) me)?"
    r"|all memor(?:y|ies)(?: (?:of|about) me)?))"
    r"(?: from (?:your |the )?memory)?"
)
_DE: Final = (
    r"(?:(?:kannst|könntest|würdest) du |können sie |ich möchte,? dass du |wie kann ich )?(?:bitte )?"
    r"(?:(?:vergiss|vergessen sie|lösche?|löschen sie|entferne|entfernen sie) (?:bitte )?(?:{what})"
    r"|(?:vergiss|vergessen sie) (?:bitte )?(?:mich|alles)"
    r"|(?:{what}) (?:bitte )?(?:vergessen|löschen|löschst|vergisst)"
    r"|(?:mich|alles) (?:bitte )?(?:vergessen|vergisst)"
    r"|(?:alles|bitte alles) (?:vergessen|löschen),? was (?:du|sie) (?:über|von) mi(?:ch|r) "
    r"(?:weißt|wissen|gespeichert (?:hast|haben)))"
).replace(
    "{what}",
    r"alles(?:,? was (?:du|sie) "
    r"(?:(?:über|von) mi(?:ch|r) )?(?:weißt|wissen|gespeichert (?:hast|haben)|gelernt hast)"
    r"| über mich)|(?:alle )?(?:meine|deine|ihre|die)? ?erinnerungen(?: an mich)?"
    r"|(?:mein|dein|ihr|das)(?: ganzes?| gesamtes?)? gedächtnis(?: über mich)?|alle daten über mich"
    r"|(?:alle )?meine daten aus (?:deinem|ihrem|dem) gedächtnis",
)
_FR: Final = (
    r"(?:(?:peux-tu|pourrais-tu|pouvez-vous|pourriez-vous|comment (?:puis-je )?|je (?:veux|voudrais) que tu ) ?)?"
    r"(?:oublie[srz]?(?:-moi| tout)|(?:oublie[srz]?|efface[srz]?|supprime[srz]?|vide[srz]?)"
    r"(?: tout(?: ce que (?:tu sais|vous savez|tu as (?:retenu|enregistré)|je t'ai dit)"
    r"(?: (?:de|sur) moi)?| (?:de|sur) moi)"
    r"| (?:toute?s?|tous) (?:ta|ma|la|votre|tes|mes|les) (?:mémoire|souvenirs)(?: (?:de|sur) moi)?"
    r"| (?:ta|ma|la|votre|tes|mes) (?:mémoire|souvenirs)(?: (?:de|sur) moi)?"
    r"| (?:toutes )?mes (?:données|informations)(?: personnelles)? de (?:ta|votre|la) mémoire))"
)
_ES: Final = (
    r"(?:(?:puedes|podrías|puede|podría|cómo puedo|quiero que|me gustaría) )?"
    r"(?:(?:olvid(?:a|ar|es|e)|olvídate)(?: de mí| todo)"
    r"|(?:olvid(?:a|ar|es|e)|olvídate|borr(?:a|ar|es|e)|elimin(?:a|ar|es|e))"
    r"(?: todo(?: lo que (?:sabes|sabe|recuerdas|te (?:he dicho|dije)|has guardado|tienes(?: guardado)?)"
    r"(?: (?:de|sobre) mí)?| (?:de|sobre) mí)"
    r"| tod[oa]s? (?:tu|mi|la|su|tus|mis|los) (?:memoria|recuerdos)(?: (?:de|sobre) mí)?"
    r"| todos mis datos de (?:tu|su|la) memoria"
    r"| (?:tu|mi|su|la|tus|mis) (?:memoria|recuerdos)(?: (?:de|sobre) mí)?))"
)
_JA: Final = (
    r"(?:私|わたし|僕|俺)(?:について|に関して|のこと)?(?:の|に関する)?(?:(?:あなたが)?(?:知って|覚えて)いること|情報|こと|記憶|メモリー?)?"
    r"(?:を|は)?(?:すべて|全て|全部)(?:を)?(?:忘れ|消し|消去し|削除し)て(?:ください|下さい|くれ(?:る|ますか)?|ほしい(?:です)?)?"
    r"|(?:(?:あなたが)?(?:知って|覚えて)いること(?:を|は)?)?(?:すべて|全て|全部)(?:を)?忘れて(?:ください|下さい|ほしい(?:です)?)?"
    r"|(?:私の|あなたの|すべての|全ての|全部の)*(?:メモリー?|記憶|思い出)(?:を|は)?(?:すべて|全て|全部)?(?:を)?"
    r"(?:忘れ|消し|消去し|削除し|リセットし)て(?:ください|下さい|くれ(?:る|ますか)?|ほしい(?:です)?)?"
)
_AR: Final = (
    r"(?:هل يمكنك |ارجو |أرجو |أريد ان |أريد أن )?(?:ان |أن )?(?:[إا]?نس[ىَ]?|تنسى|[إا]?حذف|تحذف|[إا]?مسح|تمسح|حذف|مسح) "
    r"(?:كل (?:ما|شيء) (?:تعرفه|تعلمه|تتذكره|حفظته)? ?(?:عني|عنّي)"
    r"|(?:كل |جميع )?بياناتي من (?:ذاكرتك|الذاكرة)|(?:كل |جميع )?(?:ذكرياتي|ذكرياتك عني|ذاكرتي|ذاكرتك)(?: عني)?)"
    r"|[إا]نسني"
)
_ERASE: Final = re.compile(rf"{_LEAD}(?:{_EN}|{_DE}|{_FR}|{_ES}|{_JA}|{_AR}){_END}", re.IGNORECASE)
_CONFIRM: Final = re.compile(
    r"^\W*(?:(?:yes|yeah|yep|ok|okay|confirmed?)[\s,.!]+(?:please[\s,]+)?(?:erase|delete|wipe|forget|clear) "
    r"(?:it all|everything|all|(?:all (?:of )?)?(?:my|your) memor(?:y|ies))"
    r"|(?:ja|ok)[\s,.!]+(?:bitte[\s,]+)?(?:lösche?|löschen sie|vergiss|vergessen sie) "
    r"(?:alles|(?:mein|dein|ihr) gedächtnis)"
    r"|(?:oui|ok)[\s,.!]+(?:efface[zr]?|supprime[zr]?|oublie[zr]?) (?:tout|(?:toute )?(?:ma|ta|votre) mémoire)"
    r"|(?:sí|si|ok)[\s,.!]+(?:borra|borre|elimina|elimine|olvida|olvide) (?:todo|(?:toda )?(?:mi|tu|su) memoria)"
    r"|はい[、，,。！ ]*(?:(?:私の)?(?:メモリー?|記憶)を)?(?:すべて|全て|全部)?(?:を)?"
    r"(?:消し|消去し|削除し|忘れ)て(?:ください|下さい)?"
    r"|نعم[،,. ]+(?:[إا]?مسح|[إا]?حذف|[إا]?نس) (?:كل شيء|(?:كل )?(?:ذاكرتي|ذاكرتك)))"
    rf"{_END}",
    re.IGNORECASE,
)
_LONGEST: Final = 200


def asks_to_erase(sentence: str) -> bool:
    """Whether a sentence asks to erase all that memory has about the person."""
    return len(sentence) <= _LONGEST and _ERASE.match(sentence) is not None


def confirms_erasure(message: str) -> bool:
    """Whether a message says yes to erasing all of memory. It counts only as the answer to that question."""
    if len(message) > _LONGEST or _CONFIRM.match(message) is None:
        return False
    return len([sentence for sentence in sentences_of(message) if sentence.strip()]) <= 2
