import type { Wording } from "./wording.js";

export const de: Wording = {
  language: "de",
  verbs: { list: "Auflisten", get: "Lesen", create: "Anlegen", update: "Ändern", delete: "Löschen" },
  refusals: {
    list: "Nicht auflisten",
    get: "Nicht lesen",
    create: "Nicht anlegen",
    update: "Nicht ändern",
    delete: "Behalten",
  },
  entities: { task: "eine Aufgabe", project: "ein Projekt", note: "eine Notiz", checkpoint: "einen Meilenstein" },
  question: "{what}: {verb}?",
  named: "„{name}“",
  irreversible: "Das lässt sich nicht rückgängig machen.",
  editable: "Sie können die Angaben bearbeiten.",
  otherDevice: "Ein anderes Ihrer Geräte fragt das.",
  args: "Angaben",
  notAnObject: "Die Angaben müssen ein JSON-Objekt sein.",
  edited: "{verb} wie bearbeitet",
  more: { one: "{count} weitere Frage", other: "{count} weitere Fragen" },
};
