// Runs before the first paint, so that no page flashes in the other colours.
// A file of its own because the Content-Security-Policy allows no inline script.
(function () {
  var asked = new URLSearchParams(location.search).get('theme')
  var kept = null
  try { kept = localStorage.getItem('theme') } catch { /* storage is off: the system's choice holds */ }
  var theme = asked || kept
  if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme
})()
