"""The playground's suggestions in the languages of the page, with the English question that each means.

The rules of the demo model read English only. It understands these sentences too, and answers them in English.
"""

from __future__ import annotations

from typing import Final

ENGLISH: Final[dict[str, str]] = {
    "Fasse das zusammen": "Summarize this",
    "Was ist hier noch offen?": "What is still open here?",
    "Was soll ich als Nächstes tun?": "What should I do next?",
    "Was soll ich heute tun?": "What should I do today?",
    "Was ist überfällig?": "What is overdue?",
    "Wie laufen meine Projekte?": "How are my projects doing?",
    "Zeige den Zeitstrahl": "Show the timeline",
    "Kreisdiagramm der Aufgaben nach Priorität": "Pie chart of tasks by priority",
    "Gib mir einen Überblick": "Give me an overview",
    "Résume ceci": "Summarize this",
    "Que reste-t-il à faire ici ?": "What is still open here?",
    "Que dois-je faire ensuite ?": "What should I do next?",
    "Que dois-je faire aujourd'hui ?": "What should I do today?",
    "Qu'est-ce qui est en retard ?": "What is overdue?",
    "Où en sont mes projets ?": "How are my projects doing?",
    "Montre la chronologie": "Show the timeline",
    "Diagramme circulaire des tâches par priorité": "Pie chart of tasks by priority",
    "Donne-moi un aperçu": "Give me an overview",
    "Resume esto": "Summarize this",
    "¿Qué queda por hacer aquí?": "What is still open here?",
    "¿Qué debo hacer después?": "What should I do next?",
    "¿Qué debo hacer hoy?": "What should I do today?",
    "¿Qué está atrasado?": "What is overdue?",
    "¿Cómo van mis proyectos?": "How are my projects doing?",
    "Muestra la cronología": "Show the timeline",
    "Gráfico circular de tareas por prioridad": "Pie chart of tasks by priority",
    "Dame un resumen": "Give me an overview",
    "これを要約して": "Summarize this",
    "ここでまだ残っていることは？": "What is still open here?",
    "次に何をすればいい？": "What should I do next?",
    "今日は何をすればいい？": "What should I do today?",
    "期限を過ぎたものは？": "What is overdue?",
    "プロジェクトの進み具合は？": "How are my projects doing?",
    "タイムラインを表示": "Show the timeline",
    "優先度別のタスクの円グラフ": "Pie chart of tasks by priority",
    "全体の概要を見せて": "Give me an overview",
    "لخّص هذا": "Summarize this",
    "ما الذي لم يكتمل هنا؟": "What is still open here?",
    "ماذا أفعل بعد ذلك؟": "What should I do next?",
    "ماذا يجب أن أفعل اليوم؟": "What should I do today?",
    "ما المتأخر؟": "What is overdue?",
    "كيف تسير مشاريعي؟": "How are my projects doing?",
    "اعرض المخطط الزمني": "Show the timeline",
    "مخطط دائري للمهام حسب الأولوية": "Pie chart of tasks by priority",
    "أعطني نظرة عامة": "Give me an overview",
}


def in_english(message: str) -> str:
    """The English question of a suggestion; any other message is returned unchanged."""
    return ENGLISH.get(message.strip(), message)
