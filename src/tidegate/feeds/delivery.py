"""What a desk has for a link, and its way to the link."""

from __future__ import annotations

from tidegate.gateway.port import LinkOutput


class Delivery:
    """What is to be done to one link: write `data`, then close it if `cut`. `answer` is a frame of
    no session, to a link that never became one's; it is closed, too."""

    def __init__(self, link: int, data: bytes, *, cut: bool, answer: bool) -> None:
        self.link = link
        self.data = data
        self.cut = cut
        self.answer = answer

    def give(self, output: LinkOutput) -> None:
        """Do it to the link that `output` writes to."""
        if self.answer:
            output.answer(self.data)
            return
        if self.data:
            output.write(0, 0, self.data)
        if self.cut:
            output.cut()
