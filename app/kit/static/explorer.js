// Draws the API's own description, and asks nobody else about it.
window.SwaggerUIBundle({
  url: document.querySelector("#description").dataset.url,
  dom_id: "#description",
  deepLinking: true,
  validatorUrl: null,
});
