// The questions of a page (book_quiz.py) as forms: choose an option, check it, and read a
// word on it. Without this script they are lists. What a form knows stands beside its
// list in base64, so that the text of the page does not tell which option is right.
"use strict";

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// What a list says after the last question leads to all answers: it waits for the checks.
function showAnswers(section) {
  const waiting = section.querySelector(".quiz-question:not([data-checked])");
  for (const text of section.querySelectorAll(".quiz-answers")) text.hidden = !!waiting;
}

function makeForm(question, number) {
  const { right, words, link } = JSON.parse(atob(question.dataset.quiz));
  const [text, list] = question.children;
  const [name] = text.querySelector("strong").textContent.split(".");
  const options = Object.keys(words).map((letter, i) => {
    const radio = make("input", { type: "radio", name: `quiz-${number}`, value: letter });
    const option = make("span", {}, ...list.children[i].firstElementChild.childNodes);
    return make("label", { class: "quiz-option" }, radio, option);
  });
  const said = make("div", { class: "quiz-said", role: "status" });
  const form = make(
    "form",
    {},
    make("fieldset", {}, make("legend", {}, ...text.childNodes), ...options),
    make("button", { type: "submit", "aria-label": `Check ${name.toLowerCase()}` }, "Check"),
    said,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const letter = form.elements[`quiz-${number}`].value;
    if (!letter) {
      said.replaceChildren(make("p", {}, "Choose an option first."));
      return;
    }
    const verdict = letter === right ? "right" : "wrong";
    const word = make("p", {}, make("strong", {}, `(${letter}) is ${verdict}.`), " ");
    word.insertAdjacentHTML("beforeend", words[letter]);
    said.dataset.verdict = verdict;
    said.replaceChildren(word);
    if (!("checked" in question.dataset)) {
      const solution = make("a", { href: link }, `Solution of ${name.toLowerCase()}`);
      form.append(make("p", { class: "quiz-solution" }, solution));
      question.dataset.checked = "";
    }
    showAnswers(question.closest("section"));
  });
  question.replaceChildren(form);
}

document.querySelectorAll(".quiz-question").forEach((question, number) => {
  makeForm(question, number);
  showAnswers(question.closest("section"));
});
