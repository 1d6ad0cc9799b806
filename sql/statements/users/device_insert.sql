-- Records a device that connects for the first time.
INSERT INTO devices (user_id, device_id, client_name, client_version, client_platform)
VALUES (%(user_id)s, %(device_id)s, %(client_name)s, %(client_version)s, %(client_platform)s)
ON CONFLICT (user_id, device_id) DO NOTHING;
