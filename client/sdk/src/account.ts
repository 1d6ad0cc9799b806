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

/** Calls about the user's account. Sockets of an access that ends are closed with 4501 at every server. */
export interface AccountCalls {
  /** End this login. Resolves also if it has ended already. */
  logout(): Promise<void>;
  /** End all logins of the user, on every device. */
  logoutAll(): Promise<void>;
  /** Change the password. All other logins end. */
  changePassword(password: string, newPassword: string): Promise<void>;
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
