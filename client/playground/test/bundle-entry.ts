/** An application in German. */
export { AnswerView, de } from "@tessera/react";
