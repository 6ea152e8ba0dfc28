// Goes on once every application was told, and in three seconds at the latest. Without this the page does so by itself,
// but waits for the slowest application.
const link = document.querySelector('[data-continue]')
const goOn = () => location.replace(link.href)
addEventListener('load', goOn)
setTimeout(goOn, 3000)
