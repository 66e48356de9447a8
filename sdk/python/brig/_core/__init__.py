"""What the synchronous and the asynchronous client share: every request and every answer, without any input or output.

An `Op` is a generator that yields the calls it needs and is sent their replies; a client (_http.py) runs it, whichever kind it is.
A `Source` says how a stream is asked for, again and again if need be.
"""

from .builds import *  # noqa: F403
from .calls import *  # noqa: F403
from .commands import *  # noqa: F403
from .contexts import *  # noqa: F403
from .files import *  # noqa: F403
from .sandboxes import *  # noqa: F403
from .streams import *  # noqa: F403
