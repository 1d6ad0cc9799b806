import { useEffect, useState } from "react";
import type { Account } from "./session/account.js";
import { Session } from "./session/session.js";
import { wordingOf } from "./session/wording.js";
import { Workspace } from "./views/Workspace.js";
import { wordsOf } from "./words/languages.js";
import { signInWordsOf } from "./words/sign-in.js";
import { WordsProvider } from "./words/words.js";

interface DeviceProps {
  readonly account: Account;
  readonly url: string;
  /** The session has ended. `why` is empty if the person signed out. */
  readonly onLeft: (why: string) => void;
}

/** A signed-in device, in the person's language. */
export default function Device({ account, url, onLeft }: DeviceProps) {
  const wording = wordingOf(navigator.languages);
  const words = wordsOf(wording.language);
  const [session, setSession] = useState<Session>();

  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each user; a new token is not a new user
  useEffect(() => {
    const opened = new Session(account, url, words, () => leave(opened, signInWordsOf(words.language).ended));
    setSession(opened);
    document.documentElement.lang = words.language;
    document.documentElement.dir = words.language === wording.language ? wording.direction : "ltr";
  }, [account.userId]);

  const leave = (open: Session, why: string) => {
    open.close(why === "");
    onLeft(why);
  };

  if (session === undefined) return null;
  return (
    <WordsProvider value={words}>
      <Workspace session={session} wording={wording} onSignOut={() => leave(session, "")} />
    </WordsProvider>
  );
}
