-- Values that this release encrypted can't be decrypted by the release before.
DROP TABLE memory_manifests;
