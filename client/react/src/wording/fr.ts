import type { Wording } from "./wording.js";

export const fr: Wording = {
  language: "fr",
  verbs: { list: "Lister", get: "Lire", create: "Créer", update: "Modifier", delete: "Supprimer" },
  refusals: {
    list: "Ne pas lister",
    get: "Ne pas lire",
    create: "Ne pas créer",
    update: "Ne pas modifier",
    delete: "Conserver",
  },
  entities: { task: "une tâche", project: "un projet", note: "une note", checkpoint: "un jalon" },
  question: "{verb} {what} ?",
  named: "« {name} »",
  irreversible: "Cette action est irréversible.",
  editable: "Vous pouvez modifier les arguments.",
  otherDevice: "Un autre de vos appareils pose cette question.",
  args: "Arguments",
  notAnObject: "Les arguments doivent être un objet JSON.",
  edited: "{verb} avec ces arguments",
  more: { one: "{count} autre question", other: "{count} autres questions" },
};
