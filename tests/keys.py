"""Keys of the sensitive data for databases that tests make by themselves."""

from __future__ import annotations

from zhiku.domain.encryption import KEY_BYTES, Keyring

TEST_KEYS = Keyring("k1", {"k1": bytes(range(KEY_BYTES))})
