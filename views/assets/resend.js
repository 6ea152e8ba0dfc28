// Counts down to the moment another mail may be asked for. Without it the page names the wait and the button works.

const form = document.querySelector('form[data-resend]')
const wait = form?.querySelector('[data-resend-wait]')

if (form && wait) {
  const button = form.querySelector('button')
  const words = wait.querySelector('b')
  const seconds = new Intl.NumberFormat(document.documentElement.lang, {
    style: 'unit',
    unit: 'second',
    unitDisplay: 'long',
  })
  // A moment and not a counter: timers stand still in sleeping tabs.
  const readyAt = Date.now() + Number(form.dataset.resend) * 1000

  const holdBack = (event) => {
    if (Date.now() < readyAt) event.preventDefault()
  }
  const tick = () => {
    const left = Math.ceil((readyAt - Date.now()) / 1000)
    if (left > 0) {
      words.textContent = seconds.format(left)
      return
    }
    clearInterval(timer)
    wait.hidden = true
    form.querySelector('[data-resend-ready]').hidden = false
    button.removeAttribute('aria-disabled')
  }

  button.setAttribute('aria-disabled', 'true')
  button.addEventListener('click', holdBack)
  const timer = setInterval(tick, 1000)
  tick()
}
