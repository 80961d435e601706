"""The one place where concrete things meet: settings, database, queue, HTTP, providers."""

from sqlalchemy import MetaData

from app.kit.db import Base


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
