import { TesseraError } from "./errors.js";

/** A device of the user. `logins` is the number of logins that belong to it. */
export interface DeviceEntry {
  readonly device_id: string;
  readonly name: string;
  readonly version: string;
  readonly platform: string;
  /** ISO 8601. */
  readonly created_at: string;
  /** ISO 8601. */
  readonly last_seen_at: string;
  readonly logins: number;
}

/** The signed receipt of a deleted account. The server does not keep it. */
export interface DeletionReceipt {
  /** JSON: the removed rows and the time. The signature is of exactly this text. */
  readonly receipt: string;
  /** Ed25519, in base64. */
  readonly signature: string;
  /** The key that checks the signature, in base64. */
  readonly public_key: string;
}

/** What a registration may need besides the address and the password. */
export interface SignupOptions {
  /** Required if the server registers only with an invite. */
  readonly invite?: string;
  /** The code from the mail, if the server verifies addresses. Without it, the call rejects with `verification_sent`. */
  readonly code?: string;
}

/** A guest account that has an address now. */
export interface NamedGuest {
  readonly userId: string;
  /** As the server stores it: in lower case. */
  readonly email: string;
  /** Keep it, and pass it to the next `login`: alone it does not give access. */
  readonly deviceToken: string;
}

/** Calls about the user's account. Sockets of an access that ends are closed with 4501 at every server. */
export interface AccountCalls {
  /** End this login. Resolves also if it has ended already. */
  logout(): Promise<void>;
  /** End all logins of the user, on every device. */
  logoutAll(): Promise<void>;
  /** Change the password. All other logins end. */
  changePassword(password: string, newPassword: string): Promise<void>;
  /**
   * Give a guest account (`guest-...@guest`) an address and a password. Its data, connections and logins stay. Rejects with
   * `no_guest` for another account, and as `register` does.
   */
  nameGuest(email: string, password: string, options?: SignupOptions): Promise<NamedGuest>;
  /** Delete the account and everything that is stored of the user. A user of an identity provider has no password. */
  delete(password?: string): Promise<DeletionReceipt>;
  devices(): Promise<DeviceEntry[]>;
  /** End the logins of a device, close its socket, and refuse it until it logs in again. */
  revokeDevice(deviceId: string): Promise<void>;
}

interface Sending {
  readonly refreshToken: () => string | undefined;
  readonly send: (call: {
    readonly method: string;
    readonly path: string;
    readonly body?: unknown;
    readonly authenticated?: boolean;
  }) => Promise<Response>;
  readonly ended: () => Promise<void>;
}

/** The status of a call that waits for the code from a mail. */
export const VERIFICATION_SENT = 202;

export function verificationSent(): TesseraError {
  return new TesseraError("verification_sent", "A mail with a code was sent. Send the call again with the code.");
}

export function accountCalls({ send, refreshToken, ended }: Sending): AccountCalls {
  const call = (method: string, path: string, body?: unknown): Promise<Response> =>
    send({ method, path: `/api/v1${path}`, authenticated: true, ...(body === undefined ? {} : { body }) });
  return {
    logout: async () => {
      const token = refreshToken();
      if (token !== undefined) {
        try {
          await send({ method: "POST", path: "/api/v1/auth/logout", body: { refresh_token: token } });
        } catch (error) {
          if ((error as { status?: number }).status !== 401) {
            throw error;
          }
        }
      }
      await ended();
    },
    logoutAll: async () => {
      await call("POST", "/auth/logout-all");
      await ended();
    },
    changePassword: async (password, newPassword) => {
      await call("POST", "/account/password", { password, new_password: newPassword });
    },
    nameGuest: async (email, password, { invite, code } = {}) => {
      const response = await call("POST", "/account/address", { email, password, invite, code });
      if (response.status === VERIFICATION_SENT) {
        throw verificationSent();
      }
      const named = (await response.json()) as { user_id: string; email: string; device_token: string };
      return { userId: named.user_id, email: named.email, deviceToken: named.device_token };
    },
    delete: async (password = "") => {
      const receipt = (await (await call("DELETE", "/account", { password })).json()) as DeletionReceipt;
      await ended();
      return receipt;
    },
    devices: async () => {
      const { devices } = (await (await call("GET", "/devices")).json()) as { devices: DeviceEntry[] };
      return devices;
    },
    revokeDevice: async (deviceId) => {
      await call("DELETE", `/devices/${encodeURIComponent(deviceId)}`);
    },
  };
}
