# syntax=docker/dockerfile:1

# --- the packages of the lock file, and the Node it pins -------------------------------------------------------------
FROM node:24-bookworm-slim AS deps
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package runs a script when it is installed; a test holds that, and this makes sure.
RUN npm ci --omit=dev --ignore-scripts
# npm brought the pinned Node as an optional dependency, with headers and manuals: keep the program alone.
RUN install -D "$(readlink -f node_modules/.bin/node)" /opt/node \
  && rm -rf node_modules/node-linux-* node_modules/.bin

# --- what runs: no shell, no package manager, no root ---------------------------------------------------------------
FROM gcr.io/distroless/cc-debian12:nonroot
WORKDIR /app
COPY --from=deps /opt/node /usr/local/bin/node
COPY --from=deps /app/node_modules ./node_modules
COPY package.json ./
COPY config/common-passwords.bloom ./config/
COPY migrations ./migrations
COPY views ./views
COPY src ./src

ENV NODE_ENV=production
ENV PORT=3000
USER 65532:65532
EXPOSE 3000

# Nothing is written to disk in production mode: run with a read-only root and without capabilities.
HEALTHCHECK --interval=15s --timeout=8s --start-period=40s --retries=3 \
  CMD ["/usr/local/bin/node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]

ENTRYPOINT ["/usr/local/bin/node"]
CMD ["--max-semi-space-size=8", "src/start.mjs"]
