/**
 * How an export is loaded, in Python and in JavaScript: sections of the card, which a test runs.
 */
import type { ExportContent } from './content.ts';

/** @param file name of the export @returns paragraphs */
export function usageOf(content: ExportContent, format: string, file: string): string[] {
  switch (format) {
    case 'safetensors':
      return safetensorsUsage(content, file);
    case 'onnx':
      return onnxUsage(content, file);
    case 'tfjs':
      return tfjsUsage(content, file);
    default:
      return savedModelUsage(content, file);
  }
}

function safetensorsUsage(
  { spec, hasHead, run: { config } }: ExportContent,
  file: string,
): string[] {
  const { architecture, imageSize, sobel, classes } = spec;
  const { width, featureDim, neck, neckHidden, neckDim } = config.model;
  const own =
    (architecture.startsWith('small-') ? `, width=${width}` : '') +
    (architecture === 'small-convnet' ? `, feature_dim=${featureDim}` : '') +
    (neck === 'none' ? '' : `, neck="${neck}", neck_hidden=${neckHidden}, neck_dim=${neckDim}`);
  const shape = `"${architecture}", size=${imageSize}, classes=${classes}, sobel=${sobel ? 'True' : 'False'}${own}`;
  const left = hasHead ? 'the frozen Sobel filters' : 'the head and the frozen Sobel filters';
  const modules = [
    `The modules are in \`bench/peers/networks.py\` of deepcluster-ps, as is \`fine_tune.py\`; ${left} are not in the file:`,
    code('python', [
      'from safetensors.torch import load_file',
      'from networks import network',
      '',
      `net = network(${shape})`,
      `net.load_state_dict(load_file("${file}"), strict=False)`,
      'net.eval()',
      '# net.representation(images) are the features; normalise the images first',
    ]),
  ];
  const again = [
    'A run begins with these weights, in place of random ones, by:',
    code('sh', [`deepcluster launch --from-torch ${file} ...`]),
    'A classifier is trained from a few labelled images of each class, in folders by class, by:',
    code('sh', [`python3 fine_tune.py ${file} --train TRAIN --test TEST --labels 20`]),
  ];
  if (architecture !== 'resnet50' && architecture !== 'resnet18') return [...modules, ...again];
  const names = [
    'With torchvision:',
    code('python', [
      'from safetensors.torch import load_file',
      `from torchvision.models import ${architecture}`,
      '',
      `arrays = load_file("${file}")`,
      `net = ${architecture}()`,
      'net.load_state_dict({name.removeprefix("backbone."): a for name, a in arrays.items()}, strict=False)',
    ]),
  ];
  return [...modules, ...names, ...again];
}

function onnxUsage({ spec: { imageSize } }: ExportContent, file: string): string[] {
  const shape = `[1, 3, ${imageSize}, ${imageSize}]`;
  return [
    code('python', [
      'import numpy as np',
      'import onnxruntime',
      '',
      `session = onnxruntime.InferenceSession("${file}")`,
      `images = np.full((1, 3, ${imageSize}, ${imageSize}), 0.5, np.float32)`,
      'features = session.run(["features"], {"images": images})[0]',
      'print(features.shape)',
    ]),
    code('js', [
      "import { InferenceSession, Tensor } from 'onnxruntime-web'; // or onnxruntime-node",
      '',
      `const session = await InferenceSession.create('${file}');`,
      `const pixels = new Float32Array(3 * ${imageSize} * ${imageSize}).fill(0.5);`,
      `const images = new Tensor('float32', pixels, ${shape});`,
      'const { features } = await session.run({ images });',
      'console.log(features.dims);',
    ]),
  ];
}

function tfjsUsage({ spec: { imageSize } }: ExportContent, file: string): string[] {
  return [
    code('js', [
      "import * as tf from '@tensorflow/tfjs';",
      '',
      `const model = await tf.loadGraphModel('https://example.org/${file}/model.json');`,
      `const images = tf.fill([1, ${imageSize}, ${imageSize}, 3], 0.5);`,
      "const features = model.execute(images, 'features');",
      'console.log(features.shape);',
    ]),
  ];
}

function savedModelUsage({ spec: { imageSize } }: ExportContent, file: string): string[] {
  return [
    code('python', [
      'import tensorflow as tf',
      '',
      `model = tf.saved_model.load("${file}")`,
      `images = tf.fill((1, ${imageSize}, ${imageSize}, 3), 0.5)`,
      'features = model.signatures["serving_default"](images=images)["features"]',
      'print(features.shape)',
    ]),
  ];
}

function code(language: string, lines: readonly string[]): string {
  return ['```' + language, ...lines, '```'].join('\n');
}
