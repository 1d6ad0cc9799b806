"""Words that point to an agent. They are features of the classifier, in addition to the learned ones."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache

# English words in the singular and their weights. 3: a name of the entity; 2: closely related to it; 1: a hint.
# "Project" weighs less, because people also use it to say which tasks or milestones they mean.
WORDS: Mapping[str, Mapping[str, int]] = {
    "task_agent": {
        "task": 3, "todo": 3, "reminder": 3, "errand": 3, "chore": 3, "remind": 2, "overdue": 2, "priority": 2,
        "assign": 2, "assigned": 2, "assignee": 2, "due": 2, "urgent": 2, "finish": 1, "finished": 1, "complete": 1,
        "completed": 1, "done": 1, "reopen": 2, "today": 1, "tomorrow": 1, "tonight": 1, "week": 1, "plan": 1,
        "next": 1, "calendar": 1, "meeting": 1, "appointment": 1, "schedule": 1, "agenda": 1, "busy": 1, "workload": 2,
        "backlog": 2,
    },
    "project_agent": {
        "project": 2, "client": 3, "customer": 2, "portfolio": 2, "progress": 1, "engagement": 1, "budget": 1,
        "stakeholder": 1,
    },
    "note_agent": {
        "note": 3, "notebook": 3, "memo": 3, "journal": 2, "jot": 2, "write": 1, "wrote": 1, "written": 1, "list": 1,
        "shopping": 2, "grocery": 2, "minutes": 2, "transcript": 2, "idea": 1, "append": 1, "draft": 1,
        "summarise": 1, "summarize": 1,
    },
    "checkpoint_agent": {
        "checkpoint": 3, "milestone": 3, "gantt": 3, "timeline": 2, "roadmap": 2, "deadline": 1, "deliverable": 2,
        "phase": 1, "approve": 2, "approved": 1, "approval": 1, "launch": 1, "reschedule": 1, "slip": 1, "slipped": 1,
    },
}  # fmt: skip

PHRASES: Mapping[str, Mapping[str, int]] = {
    "task_agent": {"to do": 3, "should i do": 3, "work on": 1, "have to": 1, "need to": 1},
    "project_agent": {},
    "note_agent": {"write down": 3, "take down": 2, "written about": 2},
    "checkpoint_agent": {"ai suggest": 2, "push back": 1},
}  # fmt: skip

# German, French, Spanish: whole words, without accents, in the forms that people use.
OTHER_WORDS: Mapping[str, Mapping[str, int]] = {
    "task_agent": {
        "aufgabe": 3, "aufgaben": 3, "todos": 3, "erinnerung": 3, "erinnerungen": 3, "erinnere": 2, "erledigen": 2,
        "erledigt": 2, "fallig": 2, "uberfallig": 2, "prioritat": 2, "dringend": 2, "dringendes": 2, "termin": 2,
        "termine": 2, "heute": 1, "morgen": 1, "woche": 1, "tun": 1,
        "tache": 3, "taches": 3, "rappel": 3, "rappels": 3, "rappelle": 2, "priorite": 2, "urgent": 2, "urgente": 2,
        "urgentes": 2, "retard": 1, "echeance": 2, "echeances": 2, "rendez": 1, "reunion": 1, "demain": 1,
        "semaine": 1, "aujourd": 1, "faire": 1,
        "tarea": 3, "tareas": 3, "recordatorio": 3, "recordatorios": 3, "recuerdame": 2, "prioridad": 2,
        "vencida": 2, "vencidas": 2, "pendiente": 2, "pendientes": 2, "cita": 2, "citas": 2, "hoy": 1, "manana": 1,
        "semana": 1,
    },
    "project_agent": {
        "projekt": 2, "projekte": 2, "projekten": 2, "projekts": 2, "kunde": 3, "kunden": 3, "fortschritt": 1,
        "projet": 2, "projets": 2, "clients": 3, "avancement": 1,
        "proyecto": 2, "proyectos": 2, "cliente": 3, "clientes": 3, "progreso": 1,
    },
    "note_agent": {
        "notiz": 3, "notizen": 3, "notiere": 3, "notiert": 2, "aufschreiben": 2, "schreib": 1, "einkaufsliste": 2,
        "protokoll": 2, "ecris": 1, "ecrit": 1, "compte": 1, "courses": 2, "nota": 3, "notas": 3, "anota": 3,
        "apunta": 3, "apuntado": 2, "escribi": 1, "acta": 2,
    },
    "checkpoint_agent": {
        "meilenstein": 3, "meilensteine": 3, "meilensteins": 3, "zeitplan": 2, "zeitleiste": 2, "freigabe": 2,
        "genehmige": 2, "jalon": 3, "jalons": 3, "chronologie": 2, "approuve": 2, "lancement": 1,
        "hito": 3, "hitos": 3, "cronologia": 2, "aprueba": 2, "lanzamiento": 1,
    },
}  # fmt: skip

# Japanese, anywhere in a run of letters. Also the parts of German compounds.
PARTS: Mapping[str, Mapping[str, int]] = {
    "task_agent": {
        "タスク": 3, "やること": 3, "リマイン": 3, "期限": 2, "優先度": 2, "予定": 1, "今日": 1, "aufgabe": 2,
    },
    "project_agent": {"プロジェクト": 2, "顧客": 3, "クライアント": 2, "進捗": 1, "projekt": 1},
    "note_agent": {"メモ": 3, "ノート": 3, "買い物リスト": 2, "議事録": 2, "書き": 1, "notiz": 2},
    "checkpoint_agent": {
        "マイルストーン": 3, "チェックポイント": 3, "ガント": 3, "タイムライン": 2, "承認": 2, "meilenstein": 2,
    },
}  # fmt: skip


def folded(text: str) -> str:
    """`text` without the accents of Latin letters."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(mark for mark in apart if not "\u0300" <= mark <= "\u036f"))


def points(words: Sequence[str]) -> dict[str, int]:
    """Points per agent for the lower-case words of a message without accents; agents without points are left out."""
    singular = [_singular(word) for word in words]
    text = f" {' '.join(singular)} "
    others = [word for word in words if _other_word().search(word)]
    weights = [weight for word in singular for weight in _weights().get(word, ())]
    weights += [(agent, _of_other_word(agent, word)) for word in others for agent in WORDS]
    weights += [weight for phrase, weight in _phrases() if phrase in text]
    found: dict[str, int] = {}
    for agent, weight in weights:
        if weight:
            found[agent] = found.get(agent, 0) + weight
    return found


@cache
def _weights() -> Mapping[str, Sequence[tuple[str, int]]]:
    """The agents that each English word points to, with its weights."""
    tables: dict[str, list[tuple[str, int]]] = {}
    for agent, table in WORDS.items():
        for word, weight in table.items():
            tables.setdefault(word, []).append((agent, weight))
    return tables


@cache
def _phrases() -> Sequence[tuple[str, tuple[str, int]]]:
    """The phrases between spaces, with the agent that each points to and its weight."""
    return [(f" {phrase} ", (agent, weight)) for agent, table in PHRASES.items() for phrase, weight in table.items()]


@cache
def _other_words() -> Mapping[str, tuple[Mapping[str, int], Mapping[str, int]]]:
    return {
        agent: (OTHER_WORDS[agent], {folded(part): weight for part, weight in PARTS[agent].items()}) for agent in WORDS
    }


@cache
def _other_word() -> re.Pattern[str]:
    """Finds the words that have points by `OTHER_WORDS` or `PARTS` for at least one agent. Most have none."""
    wholes = sorted({word for table in OTHER_WORDS.values() for word in table})
    parts = sorted({part for _, table in _other_words().values() for part in table})
    return re.compile(f"^(?:{'|'.join(map(re.escape, wholes))})$|{'|'.join(map(re.escape, parts))}")


def _of_other_word(agent: str, word: str) -> int:
    whole, parts = _other_words()[agent]
    return whole.get(word) or max((weight for part, weight in parts.items() if part in word), default=0)


def _singular(word: str) -> str:
    """`word` without its plural ending; it has to be correct only for the words in the tables."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3 and word != "minutes":
        return word[:-1]
    return word
