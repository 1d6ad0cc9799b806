import type { Wording } from "./wording.js";

export const en: Wording = {
  language: "en",
  verbs: { list: "List", get: "Get", create: "Create", update: "Update", delete: "Delete" },
  refusals: { list: "Don't list", get: "Don't get", create: "Don't create", update: "Don't update", delete: "Keep" },
  entities: { task: "a task", project: "a project", note: "a note", checkpoint: "a checkpoint" },
  question: "{verb} {what}?",
  named: "“{name}”",
  irreversible: "You can't undo this.",
  editable: "You can edit the arguments.",
  otherDevice: "Another device of yours asks this.",
  args: "Arguments",
  notAnObject: "The arguments must be a JSON object.",
  edited: "{verb} as edited",
  more: { one: "{count} more question", other: "{count} more questions" },
};
