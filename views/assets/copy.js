// Adds a copy button beside values that are meant to be copied.

for (const row of document.querySelectorAll('[data-copy]')) {
  if (!navigator.clipboard) break
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'copy-button'
  button.textContent = row.dataset.copy
  button.setAttribute('aria-live', 'polite')
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(row.querySelector('code').textContent)
    button.textContent = row.dataset.copied
    setTimeout(() => {
      button.textContent = row.dataset.copy
    }, 2000)
  })
  row.append(button)
}
