declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  /** See the configuration of Swagger UI. */
  export default function SwaggerUI(options: { dom_id: string; url: string; validatorUrl: null }): unknown;
}
