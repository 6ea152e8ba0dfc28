// Starts ReDoc in the colours that the reader's system asks for. Search stays off: it runs in a worker made of a `blob:`,
// which our policy forbids; the browser's own search finds the same words.
const dark = window.matchMedia('(prefers-color-scheme: dark)')
const DARK = {
  colors: {
    primary: { main: '#9db8ff' },
    success: { main: '#7fd18c' },
    warning: { main: '#f0c36a' },
    error: { main: '#ff9a8f' },
    text: { primary: '#e6e9ed', secondary: '#b8c0ca' },
    gray: { 50: '#1d232a', 100: '#262e37' },
    border: { light: '#39424d', dark: '#4b5663' },
    responses: {
      success: { color: '#7fd18c', backgroundColor: '#1b2a20', tabTextColor: '#7fd18c' },
      error: { color: '#ff9a8f', backgroundColor: '#33201f', tabTextColor: '#ff9a8f' },
      redirect: { color: '#f0c36a', backgroundColor: '#2f2817', tabTextColor: '#f0c36a' },
      info: { color: '#9db8ff', backgroundColor: '#1d2436', tabTextColor: '#9db8ff' },
    },
  },
  schema: {
    ...{ linesColor: '#4b5663', nestedBackground: '#1a2027', typeNameColor: '#b8c0ca' },
    ...{ typeTitleColor: '#b8c0ca', requireLabelColor: '#ff9a8f', arrow: { color: '#b8c0ca' } },
  },
  sidebar: { backgroundColor: '#1d232a', textColor: '#e6e9ed', activeTextColor: '#9db8ff' },
  rightPanel: { backgroundColor: '#0f1317', textColor: '#e6e9ed' },
  codeBlock: { backgroundColor: '#090c0f' },
  typography: {
    code: { color: '#ffb4a8', backgroundColor: '#262e37' },
    links: { color: '#9db8ff', visited: '#9db8ff', hover: '#c3d3ff' },
  },
}
const FONT = 'system-ui, sans-serif'
const CODE = 'ui-monospace, SFMono-Regular, Menlo, Consolas, monospace'
const theme = dark.matches ? DARK : {}
window.Redoc.init(
  '/openapi.json',
  {
    disableSearch: true,
    nativeScrollbars: true,
    hideDownloadButton: true,
    theme: {
      ...theme,
      typography: {
        ...{ ...theme.typography, fontFamily: FONT, headings: { fontFamily: FONT } },
        code: { ...theme.typography?.code, fontFamily: CODE },
      },
    },
  },
  document.getElementById('redoc'),
)
dark.addEventListener('change', () => location.reload())
