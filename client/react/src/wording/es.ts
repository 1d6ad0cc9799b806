import type { Wording } from "./wording.js";

export const es: Wording = {
  language: "es",
  verbs: { list: "Listar", get: "Leer", create: "Crear", update: "Modificar", delete: "Eliminar" },
  refusals: { list: "No listar", get: "No leer", create: "No crear", update: "No modificar", delete: "Conservar" },
  entities: { task: "una tarea", project: "un proyecto", note: "una nota", checkpoint: "un hito" },
  question: "¿{verb} {what}?",
  named: "«{name}»",
  irreversible: "Esta acción no se puede deshacer.",
  editable: "Puede modificar los argumentos.",
  otherDevice: "Lo pregunta otro de sus dispositivos.",
  args: "Argumentos",
  notAnObject: "Los argumentos deben ser un objeto JSON.",
  edited: "{verb} con estos argumentos",
  more: { one: "{count} pregunta más", other: "{count} preguntas más" },
};
