// Keeps a form from being sent twice and shows that it is on its way. Without this module forms work as ever.

for (const form of document.forms) {
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent !== undefined) {
      event.preventDefault()
      return
    }
    form.dataset.sent = ''
    const button = event.submitter ?? form.querySelector('button[type="submit"]')
    if (button) showProgress(button)
  })
}

// The back button may bring the page back as it was left: make its forms usable again.
window.addEventListener('pageshow', (event) => {
  if (!event.persisted) return
  for (const form of document.forms) delete form.dataset.sent
  for (const button of document.querySelectorAll('[data-sending]')) restore(button)
})

// `aria-disabled` and not `disabled`: a disabled button's name and value would be left out of the form.
function showProgress(button) {
  button.setAttribute('aria-disabled', 'true')
  button.dataset.sending = ''
  if (button.dataset.busy) {
    button.dataset.label = button.textContent
    button.textContent = button.dataset.busy
  }
}

function restore(button) {
  button.removeAttribute('aria-disabled')
  delete button.dataset.sending
  if (button.dataset.label !== undefined) button.textContent = button.dataset.label
}
