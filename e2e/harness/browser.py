"""A client that keeps cookies and fills forms in."""

import re
from urllib.parse import urlencode


class Browser:
    """Keeps its cookies."""

    def __init__(self, side, cookies=()):
        self.side, self.cookies = side, dict(cookies)

    def ask(self, target, method="GET", **form):
        headers = []
        if self.cookies:
            cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            headers.append(("Cookie", cookies))
        if form:
            headers.append(("Content-Type", "application/x-www-form-urlencoded"))
        body = urlencode(form).encode()
        answer = self.side.nginx(target, method, headers=headers, body=body)
        for name, value in answer.headers:
            if name.lower() == "set-cookie":
                name, value = value.partition(";")[0].split("=", 1)
                self.cookies[name] = value
        return answer

    def send(self, page, target, **form):
        """Fills the form of a page in."""
        page = self.ask(page)
        token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.body)[1].decode()
        answer = self.ask(target, "POST", csrfmiddlewaretoken=token, **form)
        assert answer.status == 302, answer
        return answer
