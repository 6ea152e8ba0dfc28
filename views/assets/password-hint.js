// Show/hide for passwords, and the server's own opinion of a new one while it is typed.

for (const holder of document.querySelectorAll('[data-reveal]')) addReveal(holder)
for (const hint of document.querySelectorAll('[data-password-hint]')) watch(hint)

function addReveal(holder) {
  const input = holder.querySelector('input')
  const button = document.createElement('button')
  const { show, hide, showLabel, hideLabel } = holder.dataset
  const set = (visible) => {
    input.type = visible ? 'text' : 'password'
    button.textContent = visible ? hide : show
    button.setAttribute('aria-label', visible ? hideLabel : showLabel)
  }

  button.type = 'button'
  button.className = 'reveal-button'
  button.setAttribute('aria-controls', input.id)
  button.addEventListener('click', () => set(input.type === 'password'))
  // Never sent as text: browsers may offer to remember what was typed into a text field.
  input.form?.addEventListener('submit', () => set(false))
  set(false)
  holder.append(button)
  holder.classList.add('reveal-on')
}

function watch(hint) {
  const form = hint.closest('form')
  const { password, username } = form.elements
  // By id: where the address is only shown, its field has no name and is not sent.
  const email = form.querySelector('#f-email')
  const bar = hint.querySelector('progress')
  let timer
  let question

  const update = () => {
    clearTimeout(timer)
    question?.abort()
    // Code points, as the server counts them.
    const length = [...password.value.normalize('NFC')].length
    hint.hidden = length === 0
    bar.value = Math.min(length, bar.max)
    if (length < Number(hint.dataset.min)) {
      show(hint, length === 0 ? [] : ['password_too_short'], false)
      return
    }
    timer = setTimeout(ask, 350)
  }

  const ask = async () => {
    question = new AbortController()
    try {
      const response = await fetch(hint.dataset.passwordHint, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({
          password: password.value,
          email: email?.value ?? '',
          username: username?.value ?? '',
        }),
        signal: question.signal,
      })
      if (!response.ok) throw new Error(String(response.status))
      const answer = await response.json()
      show(hint, answer.problems ?? [], answer.ok)
    } catch {
      // No answer is no hint: the server decides when the form is sent.
      if (!question.signal.aborted) show(hint, [], false)
    }
  }

  for (const field of [password, email, username]) field?.addEventListener('input', update)
  // What the server said was about the password before this one.
  password.addEventListener('input', () => forget(password), { once: true })
  update()
}

function forget(password) {
  const said = document.getElementById('f-password-error')
  if (!said) return
  said.remove()
  password.closest('.field-wrong')?.classList.remove('field-wrong')
  password.removeAttribute('aria-invalid')
  password.setAttribute('aria-describedby', 'f-password-hint')
}

function show(hint, problems, good) {
  for (const item of hint.querySelectorAll('[data-problem]')) {
    item.hidden = !problems.includes(item.dataset.problem)
  }
  hint.querySelector('[data-good]').hidden = !good
  hint.querySelector('progress').toggleAttribute('data-full', good)
}
