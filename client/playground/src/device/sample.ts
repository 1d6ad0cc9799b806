import { addDays, today } from "@tessera/client";
import type { Item, ItemsByEntity } from "./items.js";

// A small studio's week. title, status, priority, assignee, due in days (null: no date), project
const TASKS = [
  ["Send the signed contract to Marta", "todo", "high", "me", 0, "p-harbour"],
  ["Review the landing page copy", "in_progress", "high", "me", 0, "p-harbour"],
  ["Call the print shop about paper stock", "todo", "medium", "me", 0, "p-atlas"],
  ["Fix the broken image export", "todo", "high", "Noor", -2, "p-atlas"],
  ["Write the invoice for September", "todo", "high", "me", -1, null],
  ["Prepare the demo for Thursday", "in_progress", "high", "me", 2, "p-tide"],
  ["Collect feedback from the pilot users", "todo", "medium", "Noor", 3, "p-tide"],
  ["Update the accessibility checklist", "todo", "low", "Sam", 5, "p-tide"],
  ["Renew the domain", "todo", "medium", "me", 9, null],
  ["Draft the brand guidelines", "in_progress", "medium", "Sam", 12, "p-harbour"],
  ["Archive last year's projects", "todo", "low", "me", null, null],
  ["Set up the shared calendar", "done", "low", "me", -4, null],
  ["Interview two pilot users", "done", "medium", "Noor", -3, "p-tide"],
  ["Choose the typeface", "done", "high", "Sam", -6, "p-harbour"],
] as const;
const PROJECTS = [
  ["p-harbour", "Harbour website", "c-harbour", "active"],
  ["p-atlas", "Atlas print catalogue", "c-atlas", "active"],
  ["p-tide", "Tide app pilot", "c-tide", "active"],
  ["p-archive", "Winter campaign", "c-harbour", "completed"],
] as const;
// title, made days ago, project, content
const NOTES = [
  [
    "Kick-off with Harbour",
    21,
    "p-harbour",
    "Marta wants a calm site: few colours, large type. Launch before the fair.",
  ],
  ["Paper samples", 8, "p-atlas", "120 g uncoated feels right; the print shop holds a batch until Friday."],
  ["Pilot interviews", 3, "p-tide", "Both users missed the export button. One asked for weekly summaries."],
  ["Pricing thoughts", 12, null, "A monthly retainer suits the small clients better than a day rate."],
  ["Fair checklist", 5, "p-harbour", "Stand, cards, tablet with the demo, power strip, water."],
] as const;
// title, in days, project, suggested by AI, approved
const CHECKPOINTS = [
  ["Contract signed", -7, "p-harbour", false, true],
  ["Design approved", 4, "p-harbour", false, true],
  ["Demo day", 2, "p-tide", false, true],
  ["Pilot ends", 16, "p-tide", true, false],
  ["Catalogue to print", 10, "p-atlas", false, true],
  ["Site launch", 23, "p-harbour", true, true],
] as const;

/** The items of a new device, with dates around `now` (epoch milliseconds) and the same ids each time. */
export function sampleItems(now: number): ItemsByEntity {
  const day = (days: number) => addDays(today(undefined, now), days);
  const morning = (days: number) => new Date(`${day(days)}T09:00`).getTime();
  return {
    task: TASKS.map(
      ([title, status, priority, assignee, due, projectId], index): Item => ({
        id: `t-${index + 1}`,
        title,
        status,
        priority,
        assignee,
        dueDate: due === null ? null : day(due),
        projectId,
      }),
    ),
    project: PROJECTS.map(([id, name, clientId, status]): Item => ({ id, name, clientId, status })),
    note: NOTES.map(
      ([title, ago, projectId, content], index): Item => ({
        id: `n-${index + 1}`,
        title,
        createdAt: morning(-ago),
        projectId,
        content,
      }),
    ),
    checkpoint: CHECKPOINTS.map(
      ([title, days, projectId, isAiSuggested, isApproved], index): Item => ({
        id: `k-${index + 1}`,
        title,
        date: day(days),
        projectId,
        isAiSuggested,
        isApproved,
      }),
    ),
  };
}
