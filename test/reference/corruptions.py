# python3 test/reference/corruptions.py writes corruptions.json: what OpenCV, SciPy, scikit-image, Pillow and ImageMagick make of one picture
# by the constants of CIFAR-10-C and ImageNet-C. Bytes [S, S, 3] as base64.
import base64, io, json, subprocess
import cv2, numpy as np, PIL, scipy, skimage
from PIL import Image
from scipy import ndimage
from skimage import color, filters

S = 24
rng = np.random.default_rng(5)
yy, xx = np.mgrid[0:S, 0:S]
picture = np.stack([128 + 90 * np.sin(0.5 * xx + 0.2 * yy), 30 + 8 * yy, 255 * ((xx // 6 + yy // 6) % 2)], -1)
picture = np.uint8(np.clip(picture + rng.normal(0, 12, (S, S, 3)), 0, 255))
x = picture / 255.0
text = lambda a: base64.b64encode(np.ascontiguousarray(a, dtype=np.uint8).tobytes()).decode()
cut = lambda a: text(np.uint8(np.clip(a, 0, 1) * 255))
cases = []
def case(name, constants, bytes_): cases.append(dict(name=name, constants=constants, bytes=bytes_))

for radius, soft in [(0.3, 0.4), (1.5, 0.1), (3, 0.1), (10, 0.5)]:
    reach, k = (8, 3) if radius <= 8 else (radius, 5)
    grid = np.mgrid[-reach:reach + 1, -reach:reach + 1]
    disk = (np.square(grid).sum(0) <= radius**2).astype(np.float32)
    disk = cv2.GaussianBlur(disk / disk.sum(), ksize=(k, k), sigmaX=soft)
    case("defocus-blur", [radius, soft], cut(cv2.filter2D(x, -1, disk)))

def enlarged(own, z):
    part = int(np.ceil(S / z)); at = (S - part) // 2
    large = ndimage.zoom(own[at:at + part, at:at + part], (z, z, 1), order=1); t = (large.shape[0] - S) // 2
    return large[t:t + S, t:t + S]
for arange, constants in [((1, 1.06, 0.01), dict(step=0.01, count=7)), ((1, 1.31, 0.03), dict(step=0.03, count=11))]:
    own = x.astype(np.float32)
    zooms = [enlarged(own, z) for z in np.arange(*arange)]
    assert len(zooms) == constants["count"]
    case("zoom-blur", constants, cut((own + sum(zooms)) / (len(zooms) + 1)))

for more in [0.05, 0.5]:
    hsv = color.rgb2hsv(x); hsv[..., 2] = np.clip(hsv[..., 2] + more, 0, 1)
    case("brightness", more, cut(color.hsv2rgb(hsv)))
for share in [0.75, 0.05]:
    m = x.mean((0, 1), keepdims=True); case("contrast", share, cut((x - m) * share + m))
for share in [0.95, 0.65, 0.25]:
    small = Image.fromarray(picture).resize((int(S * share),) * 2, Image.BOX)
    case("pixelate", share, text(np.array(small.resize((S, S), Image.BOX))))
for quality in [80, 40, 7]:
    file = io.BytesIO(); Image.fromarray(picture).save(file, "JPEG", quality=quality)
    case("jpeg", quality, text(np.array(Image.open(file))))
for radius, sigma, angle in [(6, 1, 30), (9, 2.5, -45), (10, 4, -100)]:
    raw = subprocess.run(["convert-im6.q16", "-size", f"{S}x{S}", "-depth", "8", "rgb:-", "-motion-blur", f"{radius}x{sigma}+{angle}", "rgb:-"],
                         input=picture.tobytes(), capture_output=True, check=True).stdout
    case("smeared", dict(radius=radius, sigma=sigma, angle=angle), text(np.frombuffer(raw, np.uint8)))
for sigma in [0.4, 1.5]:
    case("gaussian nearest", sigma, cut(filters.gaussian(x, sigma=sigma, channel_axis=-1)))
    case("gaussian reflect", sigma, cut(ndimage.gaussian_filter(x, (sigma, sigma, 0), mode="reflect", truncate=3)))
rows, columns = yy + 3 * np.sin(yy + xx), xx - 4 * np.cos(0.3 * xx * yy)
case("moved", None, cut(np.stack([ndimage.map_coordinates(x[..., c], [rows, columns], order=1, mode="reflect") for c in range(3)], -1)))
matrix = cv2.getAffineTransform(np.float32([[20, 20], [20, 4], [4, 4]]), np.float32([[21.5, 19], [20, 5.25], [3, 4.5]]))
case("skewed", [[21.5, 19], [20, 5.25], [3, 4.5]], cut(cv2.warpAffine(x.astype(np.float32), matrix, (S, S), borderMode=cv2.BORDER_REFLECT_101)))
versions = f"OpenCV {cv2.__version__}, SciPy {scipy.__version__}, scikit-image {skimage.__version__}, Pillow {PIL.__version__}"
json.dump(dict(size=S, picture=text(picture), cases=cases, versions=versions), open("test/reference/corruptions.json", "w"), indent=0)
