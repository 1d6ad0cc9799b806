import type { Wording } from "./wording.js";

export const ja: Wording = {
  language: "ja",
  verbs: { list: "一覧表示", get: "読み取り", create: "作成", update: "変更", delete: "削除" },
  refusals: { list: "一覧表示しない", get: "読み取らない", create: "作成しない", update: "変更しない", delete: "残す" },
  entities: { task: "タスク", project: "プロジェクト", note: "ノート", checkpoint: "チェックポイント" },
  question: "{what}の{verb}を実行しますか？",
  named: "「{name}」",
  irreversible: "この操作は取り消せません。",
  editable: "引数を編集できます。",
  otherDevice: "お使いの別の端末からの質問です。",
  args: "引数",
  notAnObject: "引数は JSON オブジェクトでなければなりません。",
  edited: "編集した内容で{verb}",
  more: { other: "ほかに{count}件の質問" },
};
