// Tidies a pasted code and sends it when it is complete. The server forgives the same things without this.

const input = document.querySelector('input[data-code]')

if (input) {
  const length = Number(input.dataset.code)
  let sent = ''

  input.addEventListener('input', (event) => {
    const digits = input.value.replace(/\D/g, '').slice(0, length)
    // While somebody edits in the middle, rewriting the value would move the caret.
    if (input.selectionStart === input.value.length || event.inputType === 'insertFromPaste')
      input.value = digits
    // A code that was refused once is not sent again by itself.
    if (digits.length === length && digits !== sent) {
      sent = digits
      input.form.requestSubmit()
    }
  })
}
