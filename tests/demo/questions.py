"""The most natural questions about the playground's sample data, each with words of a right answer.

A test asks each of them. Dates are relative to a Friday, as the sample data is.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Asked(NamedTuple):
    """A question. The text of the answer contains each of `says`; `items` is how many items the answer lists."""

    question: str
    says: tuple[str, ...]
    items: int | None = None


QUESTIONS: Final = (
    Asked("What should I do today?", ("5 open tasks", "2 of them overdue"), 5),
    Asked("What should I do first?", ("most urgent task is “Fix the broken image export” (2 days late)",), 1),
    Asked("What is my most urgent task?", ("“Fix the broken image export”",), 1),
    Asked("What is overdue?", ("2 open tasks", "image export", "invoice for September"), 2),
    Asked("What is due tomorrow?", ("no open tasks for tomorrow",)),
    Asked("What is due this week?", ("6 open tasks for this week", "2 of them overdue"), 6),
    Asked("What do I have next week?", ("3 open tasks for next week", "Collect feedback"), 3),
    Asked("What is still open?", ("11 open tasks",), 11),
    Asked("What am I working on?", ("3 started tasks", "landing page copy", "brand guidelines"), 3),
    Asked("What have I finished?", ("3 finished tasks", "Choose the typeface"), 3),
    Asked("Which tasks are high priority?", ("6 high-priority tasks",), 6),
    Asked("How many tasks do I have?", ("You have 14 tasks",), 14),
    Asked("How many tasks are open?", ("You have 11 open tasks",), 11),
    Asked("How many tasks are done?", ("You have 3 finished tasks",), 3),
    Asked("What does Noor have to do?", ("2 open tasks assigned to Noor", "pilot users"), 2),
    Asked("Which tasks are assigned to Sam?", ("3 tasks assigned to Sam", "accessibility checklist"), 3),
    Asked("Which tasks are assigned to me?", ("8 tasks assigned to me",), 8),
    Asked("Who does what?", ("You have 14 tasks",), 14),
    Asked("Which tasks have no due date?", ("1 task without a due date", "Archive last year's projects"), 1),
    Asked("Which tasks have no project?", ("4 tasks without a project", "Renew the domain"), 4),
    Asked("When is the invoice due?", ("“Write the invoice for September” (due yesterday)",), 1),
    Asked("What is the status of the image export?", ("Status: todo", "Assigned to: Noor"), 1),
    Asked("Who is working on the brand guidelines?", ("Assigned to: Sam", "Harbour website"), 1),
    Asked("Is the landing page copy done?", ("“Review the landing page copy” (due today)", "Status: in progress"), 1),
    Asked("How are my projects doing?", ("4 projects", "3 of their 14 tasks are done"), 4),
    Asked("Which projects are active?", ("3 active projects", "Tide app pilot"), 3),
    Asked("Which projects are completed?", ("1 completed project", "Winter campaign"), 1),
    Asked("Which project has the most open tasks?", ("has the most open tasks: 3",), 1),
    Asked("What is left to do for the Harbour website?", ("3 open tasks in “Harbour website”", "signed contract"), 3),
    Asked("What is next for the Tide app pilot?", ("The next checkpoint is “Demo day”",), 1),
    Asked("Show the timeline", ("6 checkpoints", "Contract signed")),
    Asked("When is the demo day?", ("“Demo day” (on Sun 16 Mar)", "Tide app pilot"), 1),
    Asked("When does the pilot end?", ("“Pilot ends” (on Sun 30 Mar)",), 1),
    Asked("When is the site launch?", ("“Site launch” (on Sun 6 Apr)", "Harbour website"), 1),
    Asked("What is the next milestone?", ("The next checkpoint is “Demo day”",), 1),
    Asked("Which checkpoints are not approved?", ("1 unapproved checkpoint", "Pilot ends"), 1),
    Asked("List my notes", ("5 notes", "Paper samples"), 5),
    Asked("What is my latest note?", ("“Pilot interviews”", "missed the export button"), 1),
    Asked("What did the pilot users say?", ("missed the export button", "weekly summaries"), 1),
    Asked("What does Marta want?", ("a calm site: few colours, large type",), 1),
    Asked("What is on the fair checklist?", ("Stand, cards, tablet with the demo",), 1),
    Asked("Search my notes for export", ("1 note with “export”", "Pilot interviews"), 1),
    Asked("What did I write about paper?", ("1 note with “paper”", "Paper samples"), 1),
    Asked("Give me an overview", ("14 tasks", "4 projects, 5 notes, 6 checkpoints"), 14),
)
REPHRASED: Final = (
    Asked("what's due this week?", ("6 open tasks for this week",), 6),
    Asked("whats overdue", ("2 open tasks that are overdue",), 2),
    Asked("What's on my plate today?", ("5 open tasks for today",), 5),
    Asked("anything urgent?", ("6 high-priority tasks",), 6),
    Asked("What is due on Monday?", ("1 open task for Monday", "Collect feedback"), 1),
    Asked("what isn't done yet?", ("11 open tasks",), 11),
    Asked("how many tasks are not done?", ("You have 11 open tasks",), 11),
    Asked("How many tasks does Sam have?", ("3 tasks assigned to Sam",), 3),
    Asked("are there any overdue tasks for Sam?", ("no open tasks assigned to Sam that are overdue",)),
    Asked("who is responsible for the image export", ("Assigned to: Noor",), 1),
    Asked("when's demo day", ("“Demo day” (on Sun 16 Mar)",), 1),
    Asked("How many checkpoints are approved?", ("5 approved checkpoints",), 5),
    Asked("which notes mention colour?", ("1 note with “colour”",), 1),
    Asked("how many notes do I have?", ("You have 5 notes",), 5),
    Asked("wich tasks are overdeu?", ("2 open tasks that are overdue",), 2),
    Asked("shwo my taks", ("You have 14 tasks",), 14),
    Asked("waht is the next mileston?", ("The next checkpoint is “Demo day”",), 1),
    Asked("give me an overveiw please", ("14 tasks", "4 projects, 5 notes, 6 checkpoints"), 14),
)
"""The same in other words, and mistyped."""
NOT_UNDERSTOOD: Final = (
    "add milk to my groceries",
    "buy milk",
    "Which tasks are blocked?",
    "Which tasks are starred?",
    "Which tasks are not assigned to me?",
    "Show tasks without high priority",
    "What is the least important task?",
    "What did I finish last week?",
    "List completed tasks from last month",
    "What do I need to finish before Monday?",
    "Tasks due after next week",
    "What is due today but not tomorrow?",
    "What should I do tomorrow morning?",
    "Do I have any meetings tomorrow?",
    "Is Noor overloaded?",
    "Is everything approved?",
    "Who is Marta?",
    "What's the budget of the Harbour website?",
    "Which projects are overdue?",
    "Rename the task Renew the domain to Renew domains",
    "assign the invoice to Sam",
    "Was kostet die Webseite?",
)
"""Questions that an ignored word would give a wrong answer to."""
OUTSIDE: Final = (
    "Tell me a joke",
    "What is the weather tomorrow in Paris?",
    "Write an email to Marta",
    "Translate this to French",
    "Who won the football match?",
)
"""Questions that the demo model can't answer, and must say so."""
