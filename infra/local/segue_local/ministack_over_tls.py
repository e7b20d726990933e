"""Starts MiniStack such that its policy checks take every request for one that came over TLS.

The template refuses requests without TLS, as it should in AWS. MiniStack is on loopback, in plain HTTP; without
this its policy checks (`AUTH=true`) would refuse everything, and the functions' policies could not be tried.
"""

from ministack import app as ministack


def main() -> None:
    """MiniStack's own `main`, with that one answer changed."""
    pin = ministack.pin_request_origin
    ministack.pin_request_origin = lambda source_ip, _secure_transport: pin(source_ip, True)
    ministack.main()


if __name__ == "__main__":
    main()
