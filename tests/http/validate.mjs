// validate - is FILE an OpenAPI document? Checked against the specification's own schema, references included.
import { Validator } from "@seriousme/openapi-schema-validator";

const validator = new Validator();
const result = await validator.validate(process.argv[2]);
if (!result.valid) {
  console.error(JSON.stringify(result.errors, null, 1));
  process.exit(1);
}
validator.resolveRefs();
console.log("OpenAPI", validator.version);
