import type { Wording } from "./wording.js";

export const ar: Wording = {
  language: "ar",
  verbs: { list: "عرض", get: "قراءة", create: "إنشاء", update: "تعديل", delete: "حذف" },
  refusals: { list: "عدم العرض", get: "عدم القراءة", create: "عدم الإنشاء", update: "عدم التعديل", delete: "إبقاء" },
  entities: { task: "مهمة", project: "مشروع", note: "ملاحظة", checkpoint: "مرحلة" },
  question: "{verb} {what}؟",
  named: "«{name}»",
  irreversible: "لا يمكن التراجع عن هذا الإجراء.",
  editable: "يمكنك تعديل القيم.",
  otherDevice: "جهاز آخر من أجهزتك يطرح هذا السؤال.",
  args: "القيم",
  notAnObject: "يجب أن تكون القيم كائن JSON.",
  edited: "{verb} بعد التعديل",
  more: {
    zero: "لا أسئلة أخرى",
    one: "سؤال آخر",
    two: "سؤالان آخران",
    few: "{count} أسئلة أخرى",
    many: "{count} سؤالًا آخر",
    other: "{count} سؤال آخر",
  },
};
