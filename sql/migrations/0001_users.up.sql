-- Who uses the server, and from which devices. Every primary key starts with user_id, so that the tables can be
-- distributed by user.
CREATE TABLE users (
    user_id uuid PRIMARY KEY,
    email text NOT NULL CHECK (email <> ''),
    password_hash text NOT NULL,
    -- The user's Fernet key, encrypted by a master key. NULL once it has been erased: what it sealed is lost for good.
    encryption_key bytea,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX users_email_key ON users (lower(email));

CREATE TABLE devices (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    device_id uuid NOT NULL,
    client_name text NOT NULL,
    client_version text NOT NULL,
    client_platform text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, device_id)
);
