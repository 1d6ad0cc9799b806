"""Which answers claim a change of the person's items, refuse one, or ask back."""

from __future__ import annotations

import json
import time

import pytest

from agents.claims import asks_back, claims_all, claims_change, refuses

# An answer, whether the request was for a change, and whether the model read items before.
CLAIMS = [
    ("I've gone ahead and deleted the walk. Want me to remove others?", True, False),
    ("The walk task is gone. Shall I show what is left?", True, False),
    ("Deleted: Walk. Is there another one?", True, False),
    ("Successfully removed the task, okay?", True, False),
    ("Ich habe die Aufgabe gelöscht. Soll ich noch etwas tun?", True, False),
    ("I have deleted the task.", False, False),
    ("Ich habe die Aufgabe gelöscht.", False, False),
    ("I got rid of it.", False, False),
    ('Deleted the task "Walk".', False, False),
    ('Task "Walk" deleted successfully.', False, True),
    ("Done! I have deleted it.", False, False),
    ("I completed both tasks.", False, False),
    ("Done.", True, False),
    ("Done! I completed it.", True, False),
    ("I've added it. Anything else?", True, False),
    ("The task has been deleted.", False, False),
    ("Erledigt.", True, False),
    ("Erledigt, gelöscht.", True, False),
    ("Removed.", True, False),
    ("The task was deleted.", False, False),
    ("Sure, your walk task is gone.", False, False),
    ("I just moved it to Orion.", False, False),
    ("I marked it as done.", False, False),
    ("I've set its due date to Friday.", True, False),
    ("Sure! I have now renamed it. Anything else?", False, False),
    ("Task deleted.", False, False),
    ("J'ai supprimé la tâche.", False, False),
    ("La tâche a été supprimée.", False, False),
    ("He eliminado la tarea.", False, False),
    ("La tarea ha sido eliminada.", False, False),
    ("I've added the note to your list.", False, False),
    ("Die Aufgabe wurde gelöscht.", False, False),
    ("Tarea eliminada.", False, False),
    ("Tâche supprimée.", False, False),
    ("Aufgabe gelöscht.", False, False),
    ("Hecho.", True, False),
    ("C'est fait.", True, False),
    ("I've created the task. Anything else?", False, False),
    ("Walk has been removed.", False, False),
    ("I went ahead and removed it for you.", False, False),
    ("Ho segnato l'attività come completata.", False, True),
    ("L'attività è stata eliminata.", False, False),
    ("Ho aggiornato «Walk».", True, False),
    ("Marquei a tarefa como concluída.", False, True),
    ("A tarefa foi removida.", False, False),
    ("Ik heb de taak als voltooid gemarkeerd.", False, True),
    ("De taak is verwijderd.", False, False),
    ("Jag har markerat uppgiften som klar.", False, True),
    ("Uppgiften har tagits bort.", False, False),
    ("Görevi tamamlandı olarak işaretledim.", False, True),
    ("Görev silindi.", False, False),
    ("Oznaczyłem zadanie jako ukończone.", False, True),
    ("Usunęłam zadanie.", False, True),
    ("Zadanie zostało usunięte.", False, False),
    ("Я отметил задачу как выполненную.", False, True),
    ("Готово! Удалила задачу.", False, True),
    ("Задача удалена.", False, False),
    ("我已将任务标记为完成。", False, True),
    ("已为您删除任务。", False, True),
    ("任务已删除。", False, False),
    ("작업을 완료로 표시했습니다.", False, True),
    ("작업이 삭제되었습니다.", False, False),
    ("لقد وضعت علامة على المهمة كمكتملة.", False, False),
    ("タスクを削除しました。", False, False),
    ("タスクを削除しました。", False, True),
    ("「Walk」を完了にしました。", False, True),
    ("タスクが削除されました。", False, False),
    ("削除しました。", True, False),
    ("かしこまりました。メモを更新いたしました！", False, False),
    ("تم حذف المهمة.", False, False),
    ("لقد حذفت المهمة.", False, True),
    ("قمت بإضافة الملاحظة.", False, False),
    ("تم الحذف؟ نعم، تمت إضافة المهمة.", True, False),
]
NO_CLAIMS = [
    ("Non ho segnato l'attività come completata.", True, False),
    ("Hai due attività da completare.", False, False),
    ("Ho creato un elenco delle attività.", False, False),
    ("Se vuoi, elimino l'attività.", False, False),
    ("A tarefa foi concluída.", False, True),
    ("Não marquei a tarefa.", True, False),
    ("Criei um resumo das tarefas.", False, False),
    ("Ik heb de taak niet verwijderd.", True, False),
    ("Ik heb een samenvatting van je taken aangemaakt.", False, False),
    ("Jag har inte markerat uppgiften.", True, False),
    ("Görevlerin listesini oluşturdum.", False, False),
    ("Nie usunąłem zadania.", True, False),
    ("Masz dwa zadania.", False, False),
    ("Анна отметила задачу.", False, False),
    ("Я не удалил задачу.", True, False),
    ("Задача отмечена.", False, True),
    ("我没有删除任务。", True, False),
    ("我已为您创建任务列表。", False, False),
    ("您有两个任务。", False, False),
    ("我已列出已完成的任务。", False, True),
    ("已完成的任务会显示在这里。", False, False),
    ("작업을 삭제하지 않았습니다.", True, False),
    ("작업 목록을 생성했습니다.", False, False),
    ("要我删除任务吗？", False, False),
    ("Ho eliminato l'attività?", False, False),
    ("I've created a poem for you: Roses are red.", False, False),
    ("I've updated the wording: Dear Sam, ...", False, False),
    ("I have finished the analysis: you are on track.", False, False),
    ("All set. You have no meetings today.", False, False),
    ("The meeting room booking window is now completed.", False, False),
    ("I can't do that: there is no such task.", True, False),
    ("Set debug to true. Done.", False, False),
    ("タスクは二つあります。", True, False),
    ("タスクを削除しましたか。", True, False),
    ("タスクが完了しました。", False, True),
    ("昨日タスクを削除しました。", False, True),
    ("タスクの一覧を作成しました。", False, False),
    ("タスクを削除できませんでした。", True, False),
    ("لم تم حذف المهمة.", True, False),
    ("لديك مهمتان.", True, False),
    ("هل تم حذف المهمة؟", True, False),
    ("Which task do you mean?", True, False),
    ("Shall I delete both?", True, False),
    ("I have not changed anything.", False, False),
    ("I could not delete the task.", True, False),
    ("The note was updated on Friday.", False, False),
    ("I can delete it if you want.", True, False),
    ("You have deleted it.", False, False),
    ("You have two tasks, one of which is done.", False, False),
    ("I've created a chart of your tasks.", False, False),
    ("I have added a table below.", False, False),
    ("The walk has been completed.", False, True),
    ("I have moved the comma: Hello, Sam.", False, False),
    ("I have added salt to the list of ingredients.", False, False),
    ("Your columns: Done. 3 tasks", False, False),
    ("Nothing was deleted.", True, False),
    ("Ich habe nichts gelöscht.", True, False),
    ("Ich habe eine Liste erstellt.", False, False),
    ("J'ai créé un poème.", False, False),
    ("He creado una lista de tus tareas.", False, False),
    ("Shall I mark it as done?", False, False),
    ("Do you want the task deleted?", True, False),
    ("Soll ich die Aufgabe löschen?", True, False),
    ("I've made a plan for your week.", False, False),
    ("I've drafted a letter.", False, False),
    ("Je ne peux pas supprimer la tâche.", True, False),
    ("No he eliminado la tarea.", True, False),
    ("", True, False),
]


def block(text: str) -> str:
    return json.dumps([{"type": "text", "content": text}])


@pytest.mark.parametrize(("answer", "asked", "read"), CLAIMS)
def test_a_claim(answer: str, asked: bool, read: bool) -> None:
    assert claims_change(answer, ["Walk"], asked=asked, read=read)
    assert claims_change(block(answer), ["Walk"], asked=asked, read=read)
    assert not refuses(answer)
    assert not asks_back(answer) or not asked


@pytest.mark.parametrize(("answer", "asked", "read"), NO_CLAIMS)
def test_no_claim(answer: str, asked: bool, read: bool) -> None:
    assert not claims_change(answer, ["Walk"], asked=asked, read=read)
    assert not claims_change(block(answer), ["Walk"], asked=asked, read=read)


@pytest.mark.parametrize(
    "answer",
    [
        "I can't do that: there is no such task.",
        "I could not delete the task.",
        "Nothing was deleted.",
        "Ich habe nichts gelöscht.",
        "Je ne peux pas supprimer la tâche.",
        "No he eliminado la tarea.",
    ],
)
def test_a_refusal(answer: str) -> None:
    assert refuses(answer)


def test_a_question_is_no_polite_offer() -> None:
    assert asks_back("Which task do you mean?")
    assert asks_back("Both match. Which one? Tell me.")
    assert asks_back("どのタスクですか。")
    assert not asks_back("It is late. Is there something else?")
    assert not asks_back("I have deleted the task. Which one is next?")


def test_an_answer_that_names_a_failure_does_not_claim_all() -> None:
    assert claims_all("I completed both tasks.")
    assert not claims_all("I completed the walk, but I could not find the swim.")


@pytest.mark.parametrize("unit", ["ich habe ", "wurde ", "ik heb ", "jag har ", "I have ", "se ha ", "我已", "я "])
def test_a_model_that_repeats_itself_does_not_hold_up_the_server(unit: str) -> None:
    answer = "Gelöscht deleted tagits bort " + unit * (20_000 // len(unit))
    began = time.process_time()
    claims_change(answer, ["Walk"], asked=True)
    assert time.process_time() - began < 2  # 25 s while the work was quadratic
