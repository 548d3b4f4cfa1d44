// The audits of graphql-http: does a server keep to the specification "GraphQL over HTTP"?

import { auditServer } from "graphql-http";
import { authorization, url } from "./operations.js";

const fetchFn = (address, options) =>
  fetch(address, { ...options, headers: { ...options?.headers, authorization } });

const results = await auditServer({ url, fetchFn });
console.log(JSON.stringify(results.map(({ id, name, status, reason }) => ({ id, name, status, reason }))));
