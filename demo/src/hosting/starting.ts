/**
 * Explains why the page does not start. A classic script without imports: it runs where modules do not, such as in
 * pages opened as files and in outdated browsers, and notices if the page's program cannot be fetched.
 */

const say = (text: string): void => {
  if (document.body?.dataset.started !== undefined) return;
  const [alert, message, badge] = ["alert", "alert-text", "badge-text"].map((id) => document.getElementById(id));
  if (!alert || !message || !badge) {
    addEventListener("DOMContentLoaded", () => say(text));
    return;
  }
  message.textContent = text;
  alert.hidden = false;
  badge.textContent = "not started";
};

if (location.protocol === "file:") {
  say(
    "The page cannot start when opened as a file: browsers do not run modules from files. Serve its folder over HTTP, for example by running “python3 -m http.server” in it, and open the address that it prints.",
  );
} else {
  addEventListener(
    "error",
    (event) => {
      const { target } = event;
      if (target instanceof HTMLScriptElement) {
        say("The page's program could not be fetched. Check the connection and reload the page.");
      } else if (event instanceof ErrorEvent) {
        say(`The page cannot start in this browser (${event.message}). It needs a browser from 2024 or later.`);
      }
    },
    true,
  );
}
