import { rest } from "@tessera/client";
import { lazy, Suspense, useEffect, useLayoutEffect, useState } from "react";
import { firstScreen, type Place } from "./first/screen.js";
import {
  type Account,
  forgetAccount,
  guestOf,
  sentence,
  signInAsGuest,
  storeAccount,
  storedAccount,
} from "./session/account.js";
import { LEFT } from "./session/keys.js";
import icon from "./tessera.svg";
import { SignIn } from "./views/SignIn.js";
import { languageOf, type SignInWords, signInWordsOf } from "./words/sign-in.js";

const first = firstScreen();

async function placeOf(): Promise<Place> {
  const response = await fetch("/playground.json");
  if (!response.ok)
    throw new Error(`The server did not return the address of its device socket (status ${response.status}).`);
  return await response.json();
}

// The form and the first screen appear before this has arrived.
const loaded = import("./Device.js");
const Device = lazy(() => loaded);

/**
 * The sign-in form, or a signed-in device. On a server of this machine, the first visit gets a guest account. The first
 * screen stays until the device is drawn.
 */
export function App() {
  const language = languageOf(navigator.languages);
  const words = signInWordsOf(language);
  const [place, setPlace] = useState<Place>();
  const [fault, setFault] = useState("");
  const [account, setAccount] = useState<Account>();
  const [isOpening, setOpening] = useState(first.shown || storedAccount() !== undefined);

  const enter = (entered: Account) => {
    storeAccount(entered);
    sessionStorage.removeItem(LEFT);
    setAccount(entered);
    setFault("");
  };
  const leave = (why: string) => {
    forgetAccount();
    sessionStorage.setItem(LEFT, "yes");
    setOpening(false);
    setFault(why);
    setAccount(undefined);
  };

  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the page opens
  useEffect(() => {
    document.documentElement.lang = language;
    document.documentElement.dir = language === "ar" ? "rtl" : "ltr";
    const start = async () => {
      const known = first.place ?? (await placeOf());
      setPlace(known);
      const stored = storedAccount();
      if (stored !== undefined) enter(stored);
      else if (known.guests && sessionStorage.getItem(LEFT) === null) {
        setOpening(true);
        const { registration } = first;
        enter(await (registration ? guestOf(registration) : signInAsGuest(rest({ baseUrl: location.origin }))));
      }
      await loaded.catch(() => {
        throw new Error(words.notLoaded);
      });
    };
    start().catch((error) => {
      // Without its code, the device can't be drawn; without an account, the person may sign in.
      setAccount(undefined);
      setOpening(false);
      setFault(sentence(error));
    });
  }, []);
  const isSigningIn = account === undefined && !isOpening;
  useLayoutEffect(() => {
    if (isSigningIn) first.hide();
  }, [isSigningIn]);
  const opening = first.shown ? null : <Opening words={words} />;

  if (account !== undefined && place !== undefined) {
    return (
      <Suspense fallback={opening}>
        <Device account={account} url={place.ws_url} onLeft={leave} />
      </Suspense>
    );
  }
  if (!isSigningIn) return opening;
  const notice = first.waiting > 0 ? words.kept : "";
  return <SignIn ready={place !== undefined} fault={fault} notice={notice} words={words} onSignedIn={enter} />;
}

function Opening({ words }: { readonly words: SignInWords }) {
  return (
    <main className="sign-in" aria-busy="true">
      <h1>
        <img src={icon} alt="" width="28" height="28" /> Tessera
      </h1>
      <p role="status" className="muted">
        {words.opening}
      </p>
    </main>
  );
}
