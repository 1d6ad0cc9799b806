import { rest } from "@tessera/client";
import { lazy, Suspense, useEffect, useState } from "react";
import {
  type Account,
  forgetAccount,
  sentence,
  signInAsGuest,
  storeAccount,
  storedAccount,
} from "./session/account.js";
import { SignIn } from "./views/SignIn.js";
import { languageOf, type SignInWords, signInWordsOf } from "./words/sign-in.js";

/** What the server says about itself. */
interface Place {
  /** The URL of the device socket, which has another port than the page. */
  readonly ws_url: string;
  /** The server is only for this machine, so that the page may create an account without asking. */
  readonly guests?: boolean;
}

async function placeOf(): Promise<Place> {
  const response = await fetch("/playground.json");
  if (!response.ok)
    throw new Error(`The server did not return the address of its device socket (status ${response.status}).`);
  return await response.json();
}

// The form appears before this has arrived.
const loaded = import("./Device.js");
const Device = lazy(() => loaded);

const LEFT = "tessera-left";

/** The sign-in form, or a signed-in device. On a server of this machine, the first visit gets a guest account. */
export function App() {
  const language = languageOf(navigator.languages);
  const words = signInWordsOf(language);
  const [place, setPlace] = useState<Place>();
  const [fault, setFault] = useState("");
  const [account, setAccount] = useState<Account>();
  const [isGuestComing, setGuestComing] = useState(storedAccount() !== undefined);

  const enter = (entered: Account) => {
    storeAccount(entered);
    sessionStorage.removeItem(LEFT);
    setAccount(entered);
    setFault("");
  };
  const leave = (why: string) => {
    forgetAccount();
    sessionStorage.setItem(LEFT, "yes");
    setGuestComing(false);
    setFault(why);
    setAccount(undefined);
  };

  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the page opens
  useEffect(() => {
    document.documentElement.lang = language;
    document.documentElement.dir = language === "ar" ? "rtl" : "ltr";
    const start = async () => {
      const known = await placeOf();
      setPlace(known);
      const stored = storedAccount();
      if (stored !== undefined) enter(stored);
      else if (known.guests && sessionStorage.getItem(LEFT) === null) {
        setGuestComing(true);
        enter(await signInAsGuest(rest({ baseUrl: location.origin })));
      }
    };
    start().catch((error) => {
      setGuestComing(false);
      setFault(sentence(error));
    });
  }, []);

  if (account !== undefined && place !== undefined) {
    return (
      <Suspense fallback={<Opening words={words} />}>
        <Device account={account} url={place.ws_url} onLeft={leave} />
      </Suspense>
    );
  }
  if (isGuestComing) return <Opening words={words} />;
  return <SignIn ready={place !== undefined} fault={fault} words={words} onSignedIn={enter} />;
}

function Opening({ words }: { readonly words: SignInWords }) {
  return (
    <main className="sign-in" aria-busy="true">
      <h1>
        <img src="/assets/tessera.svg" alt="" width="28" height="28" /> Tessera
      </h1>
      <p role="status" className="muted">
        {words.opening}
      </p>
    </main>
  );
}
