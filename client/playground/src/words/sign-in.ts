/** The texts before the page is signed in. They are apart from the others, because they are loaded first. */
const en = {
  intro:
    "This page is a device. Its tasks, projects, notes and checkpoints are stored in this tab. The server's agents read and change them over a WebSocket. Create an account to start. You can use any e-mail address.",
  email: "E-mail",
  password: "Password",
  passwordRule: "At least {count} characters.",
  code: "Code from the mail",
  codeSent: "A mail with a code was sent to this address. Enter the code.",
  create: "Create account",
  signIn: "Sign in",
  opening: "Opening your device…",
  ended: "Your session has ended. Please sign in again.",
  unreachable: "The server could not be reached.",
  kept: "Your message is kept. It is sent when you have signed in.",
  notLoaded: "The page could not be loaded completely. Reload it to try again.",
};

export type SignInWords = typeof en;

const LANGUAGES: Readonly<Record<string, SignInWords>> = {
  en,
  de: {
    intro:
      "Diese Seite ist ein Gerät. Ihre Aufgaben, Projekte, Notizen und Meilensteine liegen in diesem Tab. Die Agenten des Servers lesen und ändern sie über einen WebSocket. Legen Sie ein Konto an, um zu beginnen. Jede E-Mail-Adresse ist möglich.",
    email: "E-Mail",
    password: "Passwort",
    passwordRule: "Mindestens {count} Zeichen.",
    code: "Code aus der E-Mail",
    codeSent: "An diese Adresse wurde ein Code geschickt. Geben Sie ihn ein.",
    create: "Konto anlegen",
    signIn: "Anmelden",
    opening: "Ihr Gerät wird geöffnet …",
    ended: "Ihre Sitzung ist beendet. Bitte melden Sie sich wieder an.",
    unreachable: "Der Server ist nicht erreichbar.",
    kept: "Ihre Nachricht ist aufbewahrt. Sie wird gesendet, sobald Sie angemeldet sind.",
    notLoaded: "Die Seite wurde nicht vollständig geladen. Laden Sie sie neu.",
  },
  fr: {
    intro:
      "Cette page est un appareil. Ses tâches, projets, notes et jalons sont stockés dans cet onglet. Les agents du serveur les lisent et les modifient par un WebSocket. Créez un compte pour commencer. Toute adresse e-mail convient.",
    email: "E-mail",
    password: "Mot de passe",
    passwordRule: "Au moins {count} caractères.",
    code: "Code reçu par e-mail",
    codeSent: "Un code a été envoyé à cette adresse. Saisissez-le.",
    create: "Créer un compte",
    signIn: "Se connecter",
    opening: "Ouverture de votre appareil…",
    ended: "Votre session est terminée. Reconnectez-vous.",
    unreachable: "Le serveur est injoignable.",
    kept: "Votre message est conservé. Il sera envoyé après votre connexion.",
    notLoaded: "La page n’a pas pu être chargée entièrement. Rechargez-la.",
  },
  es: {
    intro:
      "Esta página es un dispositivo. Sus tareas, proyectos, notas e hitos se guardan en esta pestaña. Los agentes del servidor los leen y los cambian por un WebSocket. Cree una cuenta para empezar. Sirve cualquier dirección de correo.",
    email: "Correo electrónico",
    password: "Contraseña",
    passwordRule: "Al menos {count} caracteres.",
    code: "Código del correo",
    codeSent: "Se ha enviado un código a esta dirección. Introdúzcalo.",
    create: "Crear cuenta",
    signIn: "Entrar",
    opening: "Abriendo su dispositivo…",
    ended: "Su sesión ha terminado. Vuelva a entrar.",
    unreachable: "No se puede conectar con el servidor.",
    kept: "Su mensaje se conserva. Se enviará cuando haya entrado.",
    notLoaded: "La página no se pudo cargar por completo. Vuelva a cargarla.",
  },
  ja: {
    intro:
      "このページは一つの端末です。タスク、プロジェクト、ノート、マイルストーンはこのタブに保存されます。サーバーのエージェントがWebSocketを通じて読み取り、変更します。アカウントを作成して始めてください。メールアドレスは何でもかまいません。",
    email: "メールアドレス",
    password: "パスワード",
    passwordRule: "{count}文字以上。",
    code: "メールのコード",
    codeSent: "このアドレスにコードを送信しました。入力してください。",
    create: "アカウントを作成",
    signIn: "サインイン",
    opening: "端末を開いています…",
    ended: "セッションが終了しました。もう一度サインインしてください。",
    unreachable: "サーバーに接続できません。",
    kept: "メッセージは保存されています。サインインすると送信されます。",
    notLoaded: "ページを完全に読み込めませんでした。再読み込みしてください。",
  },
  ar: {
    intro:
      "هذه الصفحة جهاز. تُحفظ مهامه ومشاريعه وملاحظاته ومراحله في علامة التبويب هذه. يقرؤها وكلاء الخادم ويغيّرونها عبر WebSocket. أنشئ حسابًا للبدء. يمكنك استخدام أي بريد إلكتروني.",
    email: "البريد الإلكتروني",
    password: "كلمة المرور",
    passwordRule: "{count} أحرف على الأقل.",
    code: "الرمز من الرسالة",
    codeSent: "أُرسل رمز إلى هذا العنوان. أدخله.",
    create: "إنشاء حساب",
    signIn: "تسجيل الدخول",
    opening: "جارٍ فتح جهازك…",
    ended: "انتهت جلستك. سجّل الدخول مجددًا.",
    unreachable: "تعذّر الوصول إلى الخادم.",
    kept: "رسالتك محفوظة. ستُرسل بعد تسجيل الدخول.",
    notLoaded: "تعذّر تحميل الصفحة كاملة. أعد تحميلها.",
  },
};

/** The first of these BCP 47 tags that the page has texts in; `en` if it has none. */
export function languageOf(tags: readonly string[]): string {
  const spoken = tags.map((tag) => tag.toLowerCase().split("-")[0] ?? "");
  return spoken.find((language) => Object.hasOwn(LANGUAGES, language)) ?? "en";
}

export function signInWordsOf(language: string): SignInWords {
  return LANGUAGES[language] ?? en;
}
