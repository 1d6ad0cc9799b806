import { useEffect, useState } from "react";
import { type Account, sentence, storeAccount, storedAccount } from "./session/account.js";
import { Session } from "./session/session.js";
import { wordingOf } from "./session/wording.js";
import { SignIn } from "./views/SignIn.js";
import { Workspace } from "./views/Workspace.js";

/** The URL of the device socket. The server provides it, because the socket has another port. */
async function socketUrl(): Promise<string> {
  const response = await fetch("/playground.json");
  if (!response.ok)
    throw new Error(`The server did not return the address of its device socket (status ${response.status}).`);
  const place: { ws_url: string } = await response.json();
  return place.ws_url;
}

/** The sign-in form, or a signed-in device. */
export function App() {
  const [url, setUrl] = useState<string>();
  const [fault, setFault] = useState("");
  const [session, setSession] = useState<Session>();

  const enter = (account: Account, at: string) => {
    storeAccount(account);
    setSession(new Session(account, at, () => leave("Your session has ended. Please sign in again.")));
  };
  const leave = (why: string) => {
    storeAccount(undefined);
    setFault(why);
    setSession((open) => {
      open?.close(why === "");
      return undefined;
    });
  };

  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the page opens
  useEffect(() => {
    socketUrl().then(
      (at) => {
        setUrl(at);
        const account = storedAccount();
        if (account !== undefined) enter(account, at);
      },
      (error) => setFault(sentence(error)),
    );
  }, []);

  if (session !== undefined) {
    const wording = wordingOf(navigator.languages);
    return <Workspace session={session} wording={wording} onSignOut={() => leave("")} />;
  }
  return <SignIn ready={url !== undefined} fault={fault} onSignedIn={(account) => url && enter(account, url)} />;
}
