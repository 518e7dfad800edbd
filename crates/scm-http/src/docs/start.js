// What is typed into "Authorize" stays in this page and is gone with it.
SwaggerUIBundle({
  dom_id: "#page",
  url: "openapi.json",
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  docExpansion: "list",
  filter: true,
  persistAuthorization: false,
  validatorUrl: null,
  queryConfigEnabled: false,
});
