"""The one place where concrete things meet: settings, database, queue, HTTP, providers."""

from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import MetaData

from app.kit.db import Base, Database, build_engine
from app.kit.queue import Doorbell, arq_redis
from app.kit.secrets import Keyring
from app.settings import Settings


@dataclass(slots=True, kw_only=True)
class Collaborators:
    """What the API and the worker are made of; each is found under its name in `app.state`."""

    db: Database
    doorbell: Doorbell
    keyring: Keyring
    hash_key: str
    operator_key: str
    public_url: str
    callback_url: str

    def attach(self, state: Any) -> None:
        """Put each collaborator where request dependencies find it."""
        for field in fields(self):
            setattr(state, field.name, getattr(self, field.name))

    async def close(self) -> None:
        await self.doorbell.close()
        await self.db.dispose()


def build(settings: Settings, *, database_url: str, redis_url: str) -> Collaborators:
    """Wire everything for one process."""
    return Collaborators(
        db=Database(build_engine(database_url)),
        doorbell=Doorbell(arq_redis(redis_url)),
        keyring=Keyring.parse(settings.encryption_keys),
        hash_key=settings.hash_key,
        operator_key=settings.operator_key,
        public_url=settings.public_url,
        callback_url=settings.callback_url,
    )


def tables() -> MetaData:
    """Return the metadata with every room's tables in it."""
    from app.billing import models as _billing  # noqa: F401 - registers its tables
    from app.books import models as _books  # noqa: F401
    from app.connections import models as _connections  # noqa: F401
    from app.integrations import models as _integrations  # noqa: F401
    from app.jobs import models as _jobs  # noqa: F401
    from app.ledger import models as _ledger  # noqa: F401
    from app.mappings import models as _mappings  # noqa: F401
    from app.organizations import models as _organizations  # noqa: F401

    return Base.metadata
