import type { AnswerSnapshot, ConnectionState } from "@tessera/client";
import type { Wording } from "@tessera/react";

/** The names of states in one language. */
export interface States {
  readonly connecting: string;
  readonly online: string;
  readonly waiting: string;
  readonly closed: string;
  readonly answer: Readonly<Record<AnswerSnapshot["status"], string>>;
}

export const STATES: Readonly<Record<string, States>> = {
  en: {
    connecting: "Connecting…",
    online: "Connected",
    waiting: "Not connected; trying again",
    closed: "Disconnected",
    answer: { running: "running", completed: "completed", cancelled: "stopped", failed: "failed" },
  },
  de: {
    connecting: "Verbindung wird aufgebaut …",
    online: "Verbunden",
    waiting: "Nicht verbunden; neuer Versuch läuft",
    closed: "Getrennt",
    answer: { running: "läuft", completed: "fertig", cancelled: "angehalten", failed: "fehlgeschlagen" },
  },
  fr: {
    connecting: "Connexion…",
    online: "Connecté",
    waiting: "Non connecté ; nouvel essai en cours",
    closed: "Déconnecté",
    answer: { running: "en cours", completed: "terminé", cancelled: "arrêté", failed: "échoué" },
  },
  es: {
    connecting: "Conectando…",
    online: "Conectado",
    waiting: "Sin conexión; se intenta de nuevo",
    closed: "Desconectado",
    answer: { running: "en curso", completed: "terminado", cancelled: "detenido", failed: "fallido" },
  },
  ja: {
    connecting: "接続しています…",
    online: "接続済み",
    waiting: "未接続です。再接続しています",
    closed: "切断されました",
    answer: { running: "実行中", completed: "完了", cancelled: "停止", failed: "失敗" },
  },
  ar: {
    connecting: "جارٍ الاتصال…",
    online: "متصل",
    waiting: "غير متصل؛ تجري إعادة المحاولة",
    closed: "انقطع الاتصال",
    answer: { running: "قيد التنفيذ", completed: "مكتملة", cancelled: "متوقفة", failed: "فاشلة" },
  },
};

/** The states in the language of a wording; English if it has no other. */
export function statesOf(wording: Wording): States {
  return STATES[wording.language] ?? (STATES["en"] as States);
}

/** The person's name of a connection's state. A closed connection says why, if the client knows a sentence for it. */
export function describe(state: ConnectionState, wording: Wording): string {
  if (state.name !== "closed" || state.error === undefined || state.error === null)
    return statesOf(wording)[state.name];
  return wording.errors[state.error.code as keyof Wording["errors"]] ?? state.error.message;
}
