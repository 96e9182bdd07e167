/** The API's documentation, from what the server says of itself. */

import "swagger-ui-dist/swagger-ui.css";
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";

SwaggerUI({ dom_id: "#docs", url: new URL("openapi.json", document.baseURI).href, validatorUrl: null });
