# yolov5 serve in a small image without root. Build it from the checkout:
#   docker build -t yolov5-serve .
#   docker run --rm -p 8000:8000 -v "$PWD/best.pt:/models/best.pt:ro" yolov5-serve --weights /models/best.pt
FROM node:22-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm pack --pack-destination /packed

FROM node:22-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /packed/*.tgz /tmp/
# Without the optional packages: WebGPU needs a driver in the image, curves and rare scripts are not served.
RUN npm install --omit=optional --no-audit --no-fund /tmp/*.tgz fastify@5 prom-client@15 @grpc/grpc-js@1 @grpc/proto-loader@0.8 \
    && rm -rf /tmp/*.tgz /root/.npm
USER node
EXPOSE 8000 8001
# Kubernetes has probes of its own (deploy/).
HEALTHCHECK --interval=10s --start-period=60s \
    CMD ["node", "-e", "fetch('http://127.0.0.1:8000/v2/health/ready').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Not through npx: node itself must get the signals.
ENTRYPOINT ["node", "/app/node_modules/yolov5-ts/dist/cli.js", "serve", "--host", "0.0.0.0", "--grpc-port", "8001"]
